"""Schemes as data: the trees of levels and posts that the counties use. A county's own is one more file."""
