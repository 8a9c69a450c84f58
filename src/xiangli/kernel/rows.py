"""Many rows in one statement: new ones of several tables, and changes to those of one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery

# The statement of one row of a table, by the columns it names: making it costs more than the row's values do.
_statements: dict[tuple[type[Model], tuple[str, ...]], str] = {}


def insert(rows: Iterable[Model]) -> None:
    """Insert new rows, of whatever tables, in one statement: what is born together travels once.

    Rows of one table stand side by side. Foreign keys between them may point either way, because ours are
    checked when the transaction commits. What the database fills in (a default, a generated column) is read
    when it is first asked for.
    """
    tables = [list(group) for _table, group in groupby(rows, key=type)]
    if not tables:
        return
    database = connections[DEFAULT_DB_ALIAS]  # once: the usual proxy looks it up at every touch
    statements: list[str] = []
    parameters: list[Any] = []
    for group in tables:
        statement, values = _insert_into(type(group[0]), group, database)
        statements.append(statement)
        parameters += values
    *first, last = statements
    if first:
        last = f"WITH {', '.join(f't{number} AS ({one})' for number, one in enumerate(first))} {last}"
    with database.cursor() as cursor:
        cursor.execute(last, parameters)
    for group in tables:
        for row in group:
            _stored(row, database.alias)


def update(rows: Sequence[Model], fields: Collection[str]) -> None:
    """Write `fields` of many rows of one table in one statement. As `bulk_update`, whose CASE for every row and
    field takes five times as long to make and to read.
    """
    if not rows:
        return
    database = connections[DEFAULT_DB_ALIAS]
    meta = type(rows[0])._meta
    assert meta.pk is not None
    columns: list[Field[Any, Any]] = [meta.pk, *(meta.get_field(name) for name in fields)]  # type: ignore[list-item]  # plain columns
    row = "(" + ", ".join(f"%s::{field.db_type(database)}" for field in columns) + ")"
    changes = ", ".join(f'"{field.column}" = new."{field.column}"' for field in columns[1:])
    names = ", ".join(f'"{field.column}"' for field in columns)
    values = [
        field.get_db_prep_save(getattr(each, field.attname), database) for each in rows for field in columns
    ]
    with database.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{meta.db_table}" AS old SET {changes} FROM (VALUES {", ".join([row] * len(rows))})'  # noqa: S608  # a model's own names
            f' AS new ({names}) WHERE old."{meta.pk.column}" = new."{meta.pk.column}"',
            values,
        )


def _insert_into(table: type[Model], group: list[Model], database: Any) -> tuple[str, list[Any]]:
    # What the database fills in is left out, and with it every expression: the rest are plain values.
    fields = [field for field in table._meta.concrete_fields if not _filled_by_database(field, group[0])]
    key = (table, tuple(field.column for field in fields))
    if len(group) == 1 and (known := _statements.get(key)) is not None:
        row = group[0]
        return known, [field.get_db_prep_save(field.pre_save(row, True), database) for field in fields]
    query = InsertQuery(table)
    query.insert_values(fields, group)
    [(statement, values)] = query.get_compiler(connection=database).as_sql()
    if len(group) == 1:
        _statements[key] = statement
    return statement, list(values)


def _filled_by_database(field: Field[Any, Any], row: Model) -> bool:
    return field.generated or isinstance(row.__dict__.get(field.attname), DatabaseDefault)


def _stored(row: Model, alias: str) -> None:
    row._state.adding = False
    row._state.db = alias
    filled: dict[str, Any] = row.__dict__
    for field in row._meta.concrete_fields:
        if _filled_by_database(field, row):
            filled.pop(field.attname, None)
