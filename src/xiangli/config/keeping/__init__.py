"""Keeping a deployment: copies of it, their way back, and the way to the next version.

`archive` is the file format, `keys` what opens a copy, `database` and `pictures` its two halves; `backing`, `restoring`
and `upgrading` bring them together. Nothing here shows or logs what anybody wrote.
"""
