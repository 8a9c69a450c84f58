"""Who signs in: staff, their phones and their second factor.

Owns: users, enrolment links, enrolled devices. A resident needs no account.
May call: web, kernel. Knows nothing of posts: what a person may do is territory's `Actor`.
"""
