"""Tables, their cache table, and what the serving role may do with them."""

from __future__ import annotations

from collections.abc import Callable

from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from xiangli.cases.actions import load_categories
from xiangli.config.words import words
from xiangli.kernel.calendar import load_calendar
from xiangli.kernel.ledger import grant_privileges
from xiangli.territory.actions import refresh_presets

from .embedded import EXTENSIONS, DatabaseError


def pending() -> int:
    """How many migrations the database still lacks."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def ahead() -> list[str]:
    """The migrations of this database that this version does not know: a newer one has been at work in it."""
    loader = MigrationLoader(connection)
    ours = {config.label for config in apps.get_app_configs()}
    unknown = set(loader.applied_migrations) - set(loader.disk_migrations)
    return sorted(f"{app}.{name}" for app, name in unknown if app in ours)


def migrate(*, served_by: str | None, say: Callable[[str], None], each: bool = False) -> None:
    """Make schema, extensions and tables as this version needs them, and grant the role that serves its
    rights. `each`: say every step as it is made.

    Runs as the owner of the tables; safe to repeat. Raises DatabaseError when the database lacks something
    that the owner may not make, or when a newer version has been at work in it.
    """
    _check_ground()
    if unknown := ahead():
        raise DatabaseError(
            words(
                f"数据库由更新的版本升级过（不认识 {', '.join(unknown)}）：请用那个版本。",
                f"a newer version was at work in this database ({', '.join(unknown)} unknown here): use that one.",
            )
        )
    if count := pending():
        say(words(f"更新数据库结构：{count} 步", f"bringing the tables up to date: {count} steps"))
        call_command("migrate", interactive=False, verbosity=1 if each else 0)
    call_command("createcachetable", verbosity=0)
    load_categories()
    refresh_presets()
    load_calendar()
    if served_by:
        grant_privileges(served_by)


def _check_ground() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int, current_schema(),"
            " current_setting('search_path')"
        )
        version, schema, path = cursor.fetchone()
        if version < 180000:
            raise DatabaseError(
                words(
                    f"需要 PostgreSQL 18，现在是 {version // 10000}",
                    f"PostgreSQL 18 is needed, this is {version // 10000}",
                )
            )
        wanted = path.split(",")[0].strip().strip('"')
        if schema != wanted:
            # search_path skips a schema that is not there, and the tables would go into the next one.
            cursor.execute(f"CREATE SCHEMA {connection.ops.quote_name(wanted)}")
        cursor.execute("SELECT extname FROM pg_extension")
        present = {row[0] for row in cursor.fetchall()}
        for extension in EXTENSIONS:
            if extension not in present:
                cursor.execute(f"CREATE EXTENSION {connection.ops.quote_name(extension)} SCHEMA public")
