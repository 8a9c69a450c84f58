"""What every module needs and no module owns: clock, ids, ledger, outbox, files, encryption, transitions,
throttle.

Owns: the ledger's events and seals, the outbox, stored files, counters of the throttle. May call: Django and
libraries only. No domain word belongs here: a county is a `scope`, a matter is a `stream`.
"""
