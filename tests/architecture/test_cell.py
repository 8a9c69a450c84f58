"""A cell from day one: one schema, UUID keys, no triggers, nothing that leans on deferred checks.

Read from the database that the migrations made, and from the migrations themselves.
"""

from __future__ import annotations

import io
from typing import Final

import pytest
import sqlparse
from django.apps import apps
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunPython, RunSQL
from django.db.models.constraints import UniqueConstraint

from tests.architecture.sources import EVERY
from xiangli.cases import actions
from xiangli.cases.tests.factories import Place, an_act, make_place, make_report
from xiangli.kernel import clock, files, ledger, outbox
from xiangli.kernel.ids import new_id
from xiangli.kernel.tests.photos import encoded, scene
from xiangli.matters.models import Matter
from xiangli.territory.actions import end_unit
from xiangli.territory.rules import day_of

OURS: Final = [
    model for label in EVERY for model in apps.get_app_config(label).get_models(include_auto_created=True)
]
# The key is the digest of what is counted: one statement counts, and nothing refers to it.
TEXT_KEYS: Final = {"kernel.ThrottleCount"}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_a_table_of_ours_has_a_uuid_key(model: type[models.Model]) -> None:
    key: models.Field[object, object] = model._meta.pk
    while isinstance(key, models.ForeignKey):  # a row that belongs to another shares its key
        key = key.target_field
    assert isinstance(key, models.UUIDField) or model._meta.label in TEXT_KEYS


def test_many_to_many_tables_would_be_found() -> None:
    """There are none today; one that Django makes would be listed above, with a key that is no UUID."""
    assert [model._meta.label for model in OURS if model._meta.auto_created] == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_no_constraint_of_ours_waits_for_the_commit(model: type[models.Model]) -> None:
    for constraint in model._meta.constraints:
        assert getattr(constraint, "deferrable", None) is None, constraint.name
        if isinstance(constraint, UniqueConstraint):
            assert constraint.name


def rows(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found: list[tuple[object, ...]] = cursor.fetchall()
    return found


@pytest.mark.django_db
def test_every_table_stands_in_the_one_schema_and_public_holds_only_extensions() -> None:
    assert rows("SELECT current_schema()") == [("xiangli",)]
    outside = rows(
        """
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname NOT IN ('xiangli', 'pg_catalog', 'information_schema', 'pg_toast') AND c.relkind <> 'i'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        """
    )
    assert outside == []
    known = {name for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = 'xiangli'")}
    assert {model._meta.db_table for model in OURS} <= known


@pytest.mark.django_db
def test_no_trigger_function_rule_or_view_stands_in_the_schema() -> None:
    assert rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert rows("SELECT proname FROM pg_proc WHERE pronamespace = 'xiangli'::regnamespace") == []
    # of types only b and c: arrays, and the rows of tables
    types = "SELECT typname FROM pg_type WHERE typnamespace = 'xiangli'::regnamespace AND typtype NOT IN ('b', 'c')"
    assert rows(types) == []
    assert (
        rows(
            "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm', 'f', 'p') AND relnamespace = 'xiangli'::regnamespace"
        )
        == []
    )
    assert rows("SELECT rulename FROM pg_rules WHERE schemaname = 'xiangli'") == []


@pytest.mark.django_db
def test_only_numbers_for_the_telephone_come_from_a_sequence() -> None:
    """Every other key is made in Python. What the libraries keep has keys of its own."""
    found = {
        str(name) for (name,) in rows("SELECT sequencename FROM pg_sequences WHERE schemaname = 'xiangli'")
    }
    ours = {name for name in found if name.split("_")[0] in EVERY}
    assert ours == {"matters_number"}


@pytest.mark.django_db
def test_only_foreign_keys_may_be_deferred() -> None:
    assert rows("SELECT conname FROM pg_constraint WHERE condeferrable AND contype <> 'f'") == []


def our_migrations() -> list[tuple[str, object]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [
        (f"{app}.{name}", operation)
        for (app, name), migration in loader.disk_migrations.items()
        if app in EVERY
        for operation in migration.operations
    ]


def test_a_migration_speaks_one_statement_at_a_time_and_makes_no_machinery() -> None:
    spoken = 0
    for name, operation in our_migrations():
        assert not isinstance(operation, RunPython), f"{name}: rows are loaded by actions"
        if not isinstance(operation, RunSQL):
            continue
        assert operation.reverse_sql is not None, f"{name}: no way back"
        for sql in (operation.sql, operation.reverse_sql):
            assert isinstance(sql, str), f"{name}: a list hides how many"
            assert len([part for part in sqlparse.split(sql) if part.strip()]) <= 1, name
            upper = sql.upper()
            for word in (
                "TRIGGER",
                "FUNCTION",
                "PROCEDURE",
                " RULE ",
                "CREATE SCHEMA",
                "SECURITY DEFINER",
                "DEFERR",
            ):
                assert word not in upper, f"{name}: {word}"
            assert "XIANGLI." not in upper, f"{name}: the schema is named by search_path alone"
            spoken += 1
    assert spoken >= 8


# ------------------------------------------------------------------------------------------------------- deferred checks


@pytest.fixture
def place(db: None) -> Place:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return make_place()


def test_the_loop_holds_when_nothing_is_deferred(place: Place) -> None:
    """Every row finds what it refers to at its own statement: parents are written before children, or with
    them."""
    now = clock.now()
    picture = files.store_picture(
        io.BytesIO(encoded(scene(64, 64))), scope=place.county.pk, declared_name="", now=now
    )
    head, director = place.actor("lane_head"), place.actor("village_director")
    reported = make_report(place.lane, "hazards", photos=[picture], contact_phone="13800000000")
    actions.return_case(an_act(head, reported, "不在我这条巷"))
    seat = (place.lane.pk, place.posts["lane_head"].pk)
    actions.assign_case(an_act(director, reported), unit_id=seat[0], post_id=seat[1])
    actions.take_case(an_act(head, reported))
    actions.resolve_case(an_act(head, reported, "井盖已经盖上", photos_after=[picture]))
    actions.verify_case(an_act(director, reported, "还晃"), passed=False)
    actions.resolve_case(an_act(head, reported, "垫平了", photos_after=[picture]))
    actions.verify_case(an_act(director, reported), passed=True)
    actions.reopen_case(reported.code, act_id=new_id(), note="又松了")
    actions.handle_on_spot(an_act(head, reported, "换了新的", photos_after=[picture]))
    actions.verify_case(an_act(director, reported), passed=True)
    actions.close_case(an_act(director, reported, "已经换新"))
    actions.confirm_case(reported.code, act_id=new_id())
    actions.evaluate_case(reported.code, act_id=new_id(), rating=5)
    actions.reveal_contact(an_act(place.actor("town_desk"), reported, "回访处理结果"))
    neighbour = make_report(place.lane)
    actions.say_me_too(neighbour.matter.pk, place_path=place.lane.path, client_id=new_id())
    actions.withdraw_case(neighbour.code, act_id=new_id())
    complaint = make_report(place.lane, "service_complaint")
    actions.take_case(an_act(place.actor("town_desk"), complaint))
    still_open = make_report(place.lane)
    end_unit(unit=place.lane, on=day_of(now), successors=[place.lane2])
    while outbox.work_once(now):
        pass
    assert ledger.seal_once(now) >= 20
    assert Matter.objects.filter(state="closed").count() == 1
    assert Matter.objects.get(pk=still_open.matter.pk).closed_at is None
