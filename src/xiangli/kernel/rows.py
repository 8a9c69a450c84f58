"""New rows of several tables in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery


def insert(rows: Iterable[Model]) -> None:
    """Insert new rows, of whatever tables, in one statement: what is born together travels once.

    Rows of one table stand side by side. Foreign keys between them may point either way, because ours are
    checked when the transaction commits. What the database fills in (a default, a generated column) is read
    when it is first asked for.
    """
    tables = [list(group) for _table, group in groupby(rows, key=type)]
    if not tables:
        return
    statements: list[str] = []
    parameters: list[Any] = []
    for group in tables:
        table = type(group[0])
        query = InsertQuery(table)
        query.insert_values([field for field in table._meta.concrete_fields if not field.generated], group)
        [(statement, values)] = query.get_compiler(connection=connection).as_sql()
        statements.append(statement)
        parameters += values
    *first, last = statements
    if first:
        last = f"WITH {', '.join(f't{number} AS ({one})' for number, one in enumerate(first))} {last}"
    with connection.cursor() as cursor:
        cursor.execute(last, parameters)
    for group in tables:
        for row in group:
            _stored(row)


def _stored(row: Model) -> None:
    row._state.adding = False
    row._state.db = connection.alias
    filled: dict[str, Any] = row.__dict__
    for field in row._meta.concrete_fields:
        if field.generated or isinstance(filled.get(field.attname), DatabaseDefault):
            filled.pop(field.attname, None)
