"""Telling people where they look: in this first form, the inbox in the app.

Owns: notices. Filled from the outbox, so that nothing is told that did not happen and nothing that happened
stays untold. May call: territory, accounts, web, kernel.
"""
