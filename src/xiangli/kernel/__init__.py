"""What every module needs and no module owns: clock, limits and the working calendar, timers, ids, ledger, outbox,
files, encryption, transitions, throttle.

Owns: the ledger's events and seals, the outbox, what is due, the calendar, stored files, counters of the throttle.
May call: Django and libraries only. No domain word belongs here: a county is a `scope`, a matter is a `stream`.
"""
