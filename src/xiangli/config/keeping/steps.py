"""What the steps to this version will do to the tables, told before they are taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from xiangli.config.words import words


class Kind(Enum):
    """How a statement holds up those who use its table."""

    NEW = "new"  # makes something that nobody uses yet
    MOMENT = "moment"  # everybody waits, for a moment
    BUILD = "build"  # whoever writes waits while an index is built
    READ = "read"  # everybody waits while all rows are looked at
    REWRITE = "rewrite"  # everybody waits while the table is written anew
    ROWS = "rows"  # rows are changed
    OTHER = "other"

    @property
    def told(self) -> str:
        """In words."""
        return {
            Kind.NEW: words("新建，不影响别人", "new, nobody waits"),
            Kind.MOMENT: words("锁表片刻", "everybody waits a moment"),
            Kind.BUILD: words("建索引期间不能写", "writers wait while an index is built"),
            Kind.READ: words("锁表并检查所有行", "everybody waits while all rows are looked at"),
            Kind.REWRITE: words("锁表并重写整个表", "everybody waits while the table is written anew"),
            Kind.ROWS: words("修改数据行", "rows are changed"),
            Kind.OTHER: words("其他语句", "other statements"),
        }[self]


_HEAVIEST: Final = list(Kind)  # from the lightest
_NAME: Final = r'(?:IF (?:NOT )?EXISTS )?(?:ONLY )?"?([\w.]+)"?'
# The first that fits. Django's own statements, and plain ones of RunSQL.
_PATTERNS: Final = [
    (rf"CREATE TABLE {_NAME}", Kind.NEW),
    (rf"CREATE (?:SEQUENCE|EXTENSION|SCHEMA) {_NAME}", Kind.NEW),
    (rf"CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?{_NAME} ON {_NAME}", Kind.BUILD),
    (rf"ALTER TABLE {_NAME} ADD COLUMN .*GENERATED ALWAYS.*STORED", Kind.REWRITE),
    (rf"ALTER TABLE {_NAME} ADD COLUMN", Kind.MOMENT),
    (rf"ALTER TABLE {_NAME} ALTER COLUMN \S+ TYPE", Kind.REWRITE),
    (rf"ALTER TABLE {_NAME} ALTER COLUMN \S+ SET NOT NULL", Kind.READ),
    (rf"ALTER TABLE {_NAME} ADD CONSTRAINT", Kind.READ),
    (rf"ALTER TABLE {_NAME}", Kind.MOMENT),
    (rf"DROP (?:TABLE|INDEX|SEQUENCE) (?:CONCURRENTLY )?{_NAME}", Kind.MOMENT),
    (rf"UPDATE {_NAME}", Kind.ROWS),
    (rf"(?:DELETE FROM|INSERT INTO) {_NAME}", Kind.ROWS),
]
_SILENT: Final = ("--", "SET CONSTRAINTS", "BEGIN", "COMMIT", "COMMENT")


@dataclass(frozen=True, slots=True)
class Touched:
    """A table that a step works on, and the heaviest that it does there. Rows as PostgreSQL last estimated them."""

    table: str
    kind: Kind
    rows: int
    size: int  # bytes, with its indexes


@dataclass(slots=True)
class Step:
    """One migration that is still to be made."""

    app: str
    name: str
    touched: list[Touched] = field(default_factory=list)
    code: bool = False  # runs Python, which nobody can tell beforehand
    readable: bool = True


def kind_of(statement: str) -> tuple[str, Kind] | None:
    """The table a statement works on, and how; None for what holds up nobody."""
    flat = " ".join(statement.split())
    if not flat or flat.upper().startswith(_SILENT):
        return None
    for pattern, kind in _PATTERNS:
        if found := re.match(pattern, flat, re.IGNORECASE | re.DOTALL):
            name = found[found.lastindex or 1].rpartition(".")[2]
            # People go on with their work beside it.
            return name, Kind.MOMENT if kind is Kind.BUILD and "CONCURRENTLY" in flat.upper() else kind
    return "", Kind.OTHER


def pending_steps() -> list[Step]:
    """Every migration still to be made, in order, and what it will do."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    state = executor.loader.project_state(list(executor.loader.applied_migrations))
    sizes = _sizes()
    made: set[str] = set()
    found = []
    for migration, _backwards in plan:
        step = Step(migration.app_label, migration.name)
        found.append(step)
        try:
            with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
                state = migration.apply(state, editor, collect_sql=True)
        except ValueError:  # it asks the tables for something that an earlier step is to make
            step.readable = False
            state = migration.mutate_state(state, preserve=False)
            continue
        statements = editor.collected_sql
        step.code = any("CANNOT BE WRITTEN AS SQL" in line for line in statements)
        heaviest: dict[str, Kind] = {}
        for table, kind in filter(None, map(kind_of, statements)):
            if kind is Kind.NEW:
                made.add(table)
            if table not in made and _HEAVIEST.index(kind) >= _HEAVIEST.index(heaviest.get(table, Kind.NEW)):
                heaviest[table] = kind
        step.touched = [
            Touched(table, kind, *sizes.get(table, (0, 0))) for table, kind in sorted(heaviest.items())
        ]
    return found


def told(steps: list[Step]) -> Iterator[str]:
    """The steps in words, a line each and one for each table."""
    for step in steps:
        yield f"{step.app} {step.name}"
        for one in step.touched:
            size = words(
                f"约 {one.rows} 行，{one.size / 1024**2:.0f} MiB",
                f"about {one.rows} rows, {one.size / 1024**2:.0f} MiB",
            )
            yield f"    {one.table}: {one.kind.told} ({size})"
        if step.code:
            yield "    " + words(
                "运行一段程序，事先看不出改什么", "runs code; nobody can tell beforehand what it does"
            )
        if not step.readable:
            yield "    " + words(
                "要等前面的步骤完成才看得出", "can be told only once the steps before it are made"
            )
        if not step.touched and not step.code and step.readable:
            yield f"    {Kind.NEW.told}"


def _sizes() -> dict[str, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, greatest(reltuples, 0)::bigint, pg_total_relation_size(c.oid) FROM pg_class c"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        )
        return {name: (rows, size) for name, rows, size in cursor.fetchall()}
