"""What everybody answers for, seen from above: figures, unit pages, dossiers, the map. Owns no rows and no rules of others.

Reads everything through the queries of the modules below; nothing reads it. Private and sealed matters are absent
from all it shows.
"""
