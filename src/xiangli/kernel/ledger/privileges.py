"""What the role that serves may do in this schema: everything to ordinary rows, nothing to the past of the
ledger.
"""

from typing import Final

from django.db import connection, transaction

from xiangli.kernel.models import ErasureRun, LedgerEvent, LedgerPayload, LedgerSeal

# Append-only by privileges, not by triggers: the columns that sealing and erasing write, and no DELETE.
_UPDATABLE: Final = {
    LedgerEvent: ["seal_id"],
    LedgerSeal: [],
    LedgerPayload: ["salt", "body", "erased_by_id"],
    ErasureRun: [],
}


def grant_privileges(role: str) -> None:
    """Give `role` its rights on every table and sequence of the current schema. Run by the owner after each
    migration; safe to repeat.
    """
    name = connection.ops.quote_name(role)
    with transaction.atomic(), connection.cursor() as cursor:  # at no moment may it do more
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name}")
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {name}")
        for model, columns in _UPDATABLE.items():
            table = f"{schema}.{connection.ops.quote_name(model._meta.db_table)}"
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {name}")
            if columns:
                listed = ", ".join(connection.ops.quote_name(column) for column in columns)
                cursor.execute(f"GRANT UPDATE ({listed}) ON {table} TO {name}")
        # nor may it say that a migration was made
        cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON {schema}.django_migrations FROM {name}")
