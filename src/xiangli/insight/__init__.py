"""What everybody answers for, seen from above: figures, unit pages, dossiers, the map.

Owns: no rows, and no rules of others. May call: every module below, through its queries; nothing calls it. Private and
sealed matters are absent from all it shows.
"""
