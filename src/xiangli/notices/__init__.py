"""Telling people where they look: in the app, and by the channels that their county has opened.

Owns: notices, channels, addresses, deliveries. Filled from the outbox, so that nothing is told that did not happen and
nothing that happened stays untold; what a provider would not take is retried, and then waits for a person. May call:
territory, accounts, web, kernel.
"""
