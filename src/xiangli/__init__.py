"""Xiangli 巷里: the open platform for grassroots governance.

A report reaches the person who answers for the lane, and comes back put right.
The folders are ordered: config, cases, matters, notices, territory, accounts, web, kernel; each imports only what stands after it.
"""
