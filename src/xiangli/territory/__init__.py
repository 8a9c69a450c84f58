"""Where things are and who answers for them: dated units (places and organs), posts, appointments; the
Actor and what it may.

Owns: counties and their level schemes, units with boundaries and successors, posts, appointments, absences,
duty numbers. May call: accounts, web, kernel. What is below never asks what is above: movers and previewers
register here.
"""
