"""What every matter has, whatever its workflow: number, place, visibility, grants, subjects, events, files,
lineage, receipt.

Owns: the merged inbox of every post, the fence `visible_to`, the receipt with its query code. May call:
notices, territory, accounts, web, kernel. No workflow lives here: a workflow registers its transition table
(`states`).
"""
