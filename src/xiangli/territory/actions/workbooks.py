"""Writing what a table of appointments or units asks for: in one transaction, many rows a statement."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.accounts.queries import people_with_links
from xiangli.kernel.ledger import Chain
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.kernel.rows import insert
from xiangli.kernel.tables import Say, Table, nothing
from xiangli.territory.actions.people import end_outgrown_links
from xiangli.territory.models import Appointment, County, DutyNumber, Unit, UnitKind
from xiangli.territory.queries.workbooks import Wanted, WantedUnit, read_appointments, read_units
from xiangli.territory.queries.workbooks.common import county_of
from xiangli.territory.rules import (
    APPOINT_STAFF,
    END_UNIT,
    ORGAN,
    Actor,
    day_of,
    needs_second_factor,
    plate_code_from,
)

BATCH: Final = 1000  # rows a statement
T = TypeVar("T")


def import_appointments(
    content: bytes, *, by: Actor, now: datetime, only_good: bool = False, say: Say = nothing
) -> Table[Wanted]:
    """Write a table of appointments, unless any row has a fault: then nothing is written, but with `only_good` what
    the sound rows ask for. The same table again changes nothing. Raises Refused for a file that cannot be read."""
    with transaction.atomic():
        _one_at_a_time(by, APPOINT_STAFF)
        table = read_appointments(content, actor=by, today=day_of(now), say=say)
        if table.sound or only_good:
            _write_appointments(table.to_write(), by, now)
    return table


def import_units(
    content: bytes, *, by: Actor, now: datetime, only_good: bool = False, say: Say = nothing
) -> Table[WantedUnit]:
    """As `import_appointments`, for a table of units."""
    with transaction.atomic():
        _one_at_a_time(by, END_UNIT)
        table = read_units(content, actor=by, today=day_of(now), say=say)
        if table.sound or only_good:
            _write_units(table.to_write(), by, now)
    return table


def _one_at_a_time(by: Actor, permission: str) -> None:
    """Two imports into one county follow each other: the second sees what the first wrote."""
    counties = {held.county_id for held in by.held if permission in held.permissions}
    list(County.objects.select_for_update().filter(pk__in=counties).order_by("pk"))


def _batches(rows: Sequence[T]) -> Iterable[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _write_appointments(rows: list[Wanted], by: Actor, now: datetime) -> None:
    users = get_user_model()
    everybody = {want.person.id: want.person for want in rows}
    fresh = [person for person in everybody.values() if person.is_new]
    users._default_manager.bulk_create(
        [
            users(
                id=person.id,
                display_name=person.name,
                username=person.username or None,
                password=make_password(None),
            )
            for person in fresh
        ],
        batch_size=BATCH,
    )
    known = [person.id for person in everybody.values() if not person.is_new]
    there = users._default_manager.filter(pk__in=known).order_by("pk")
    list(
        there.select_for_update().values_list("pk")
    )  # a closing that is under way comes first, or not at all
    users._default_manager.filter(pk__in=known, is_active=False).update(is_active=True)
    careful = {want.person.id for want in rows if needs_second_factor(want.post.permissions)}
    users._default_manager.filter(pk__in=careful, require_second_factor=False).update(
        require_second_factor=True
    )
    for batch in _batches(sorted(rows, key=lambda want: want.unit.path)):
        _check_still(batch)
        made = [
            Appointment(
                user_id=want.person.id,
                unit_id=want.unit.id,
                post=want.post,
                standing=want.standing,
                single=want.post.single,
                valid_from=want.since,
                valid_to=want.until,
                recorded_at=now,
                recorded_by_id=by.user_id,
            )
            for want in batch
        ]
        Appointment.objects.bulk_create(made)
        numbers = {
            (want.unit.id, want.post.pk): DutyNumber(unit_id=want.unit.id, post=want.post, phone=want.phone)
            for want in batch
            if want.phone
        }
        DutyNumber.objects.bulk_create(
            numbers.values(),
            update_conflicts=True,
            unique_fields=["unit", "post"],
            update_fields=["phone"],
        )
        _record_all(
            [
                (
                    want.unit.id,
                    "appoint",
                    want.authority,
                    {
                        "appointment": row.pk,
                        "user": row.user_id,
                        "post": want.post.code,
                        "standing": want.standing,
                        "from": want.since.isoformat(),
                        "to": want.until.isoformat() if want.until else None,
                        "table": True,
                    },
                )
                for want, row in zip(batch, made, strict=True)
            ],
            by,
            now,
        )
    for user in people_with_links(known, now=now):
        end_outgrown_links(user, now)


def _check_still(wanted: Sequence[Wanted]) -> None:
    """Lock the units of some rows. Refused (changed_meanwhile) where one has an end now that the rows were not judged
    by: a merge was under way."""
    judged = {want.unit.id: want.unit.valid_to for want in wanted}
    units = Unit.objects.select_for_update().filter(pk__in=judged).order_by("path")
    _refuse_changed(unit for unit in units if unit.valid_to != judged[unit.pk])


def _refuse_changed(units: Iterable[Unit]) -> None:
    for unit in units:
        raise Refused(
            "changed_meanwhile",
            _("“%(unit)s”刚刚在撤并，表里的行要重新检查；一行也没有写，请重新上传这张表。")
            % {"unit": unit.short_name},
        )


def _write_units(rows: list[WantedUnit], by: Actor, now: datetime) -> None:
    new = {want.unit.id for want in rows}
    parents = {want.unit.parent_id for want in rows} - new
    above = list(Unit.objects.select_for_update().filter(pk__in=parents).order_by("path"))
    _refuse_changed(unit for unit in above if unit.valid_to is not None)
    county = county_of(by, END_UNIT)
    # what is above is written first: rows stand in that order already
    for batch in _batches(rows):
        codes = _plate_codes(sum(want.level.has_plate for want in batch))
        Unit.objects.bulk_create(
            Unit(
                id=want.unit.id,
                kind=UnitKind.ORGAN if want.level.code == ORGAN else UnitKind.PLACE,
                county_id=county,
                parent_id=want.unit.parent_id,
                level=want.level,
                path=want.unit.path,
                code=want.unit.code,
                name=want.unit.name,
                short_name=want.unit.short_name,
                name_en=want.name_en,
                plate_code=codes.pop() if want.level.has_plate else None,
                valid_from=want.unit.valid_from,
            )
            for want in batch
        )
        _record_all(
            [
                (
                    want.unit.id,
                    "open_unit",
                    want.authority,
                    {"path": want.unit.path, "from": want.unit.valid_from.isoformat(), "table": True},
                )
                for want in batch
            ],
            by,
            now,
        )


def _plate_codes(count: int) -> list[str]:
    codes: set[str] = set()
    while len(codes) < count:
        drawn = {plate_code_from(secrets.randbits(35)) for _each in range(count - len(codes))}
        codes |= drawn - set(Unit.objects.filter(plate_code__in=drawn).values_list("plate_code", flat=True))
    return list(codes)


def _record_all(events: Sequence[tuple[UUID, str, str, dict[str, Any]]], by: Actor, now: datetime) -> None:
    """Append an event to the stream of each unit, under the locks on their rows. Three statements."""
    streams = {unit for unit, _kind, _authority, _data in events}
    county = dict(Unit.objects.filter(pk__in=streams).values_list("pk", "county_id"))
    heads = LedgerEvent.objects.filter(stream__in=streams).order_by("stream", "-seq").distinct("stream")
    last = {event.stream: event for event in heads}
    chains: dict[UUID, Chain] = {}
    rows: list[LedgerEvent] = []
    of: dict[UUID, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for unit, kind, authority, data in events:
        of[unit].append((kind, authority, data))
    for unit, said in of.items():
        scope = county[unit]
        assert scope is not None  # posts stand in counties
        head = last.get(unit)
        chains[unit] = (
            Chain(unit, scope, head.seq, bytes(head.hash)) if head is not None else Chain(unit, scope)
        )
        for kind, authority, data in said:
            chains[unit].append(kind, at=now, actor=by.user_id, authority=authority, data=data)
        rows += chains[unit].take()[0]
    insert(rows)
