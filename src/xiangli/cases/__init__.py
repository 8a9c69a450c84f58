"""The closed loop for what is reported: report, assign, take, return, resolve, verify, close, reopen,
evaluate, withdraw.

Owns: categories and their limits, cases, evaluations, and the transition table in `states`. May call:
matters, notices, territory, accounts, web, kernel.
"""
