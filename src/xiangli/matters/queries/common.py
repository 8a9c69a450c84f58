"""One matter behind the fence: its history, its subjects, its receipt; what may be said of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from xiangli.kernel import crypto, ledger, throttle
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterGrant, MatterPhoto, MatterSubject
from xiangli.matters.rules import clean_code, is_code, query_code
from xiangli.matters.states import ALARM_DANGER, GrantKind, Visibility, workflow_of
from xiangli.notices.states import Known
from xiangli.territory.rules import Actor, day_of, in_force

FORGED_CODES = (
    20  # wrong codes from one address within the window, before it must wait: many share an address
)
FORGED_WINDOW = timedelta(minutes=10)


def not_found() -> Refused:
    """One answer for what is not there and for what one may not see: the difference would tell."""
    return Refused("not_found", _("没有找到这件事项，或者它不在您的辖区内。"))


def code_for(client_id: UUID) -> str:
    """The query code of the report that a phone named `client_id`."""
    return query_code(crypto.mac(client_id.bytes, purpose="matters.query-code"))


def digest_of(code: str) -> bytes:
    """What is stored and looked up in place of a query code."""
    return crypto.mac(code.encode(), purpose="matters.query-code-digest")


def seal_text(matter: Matter, what: str, text: str) -> bytes:
    """Encrypt a text of a matter (its words, its contact), bound to the county and to the matter."""
    return crypto.seal(text.encode(), scope=matter.county_id, context=f"matters.{what}:{matter.pk}")


def open_text(matter: Matter, what: str, envelope: bytes) -> str:
    """The text that `seal_text` encrypted."""
    return crypto.open_sealed(
        bytes(envelope), scope=matter.county_id, context=f"matters.{what}:{matter.pk}"
    ).decode()


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a matter, as a timeline shows it. `words` is empty after an erasure, and `erased` says
    so.
    """

    id: UUID
    kind: str
    at: datetime
    by_reporter: bool
    name: str
    post: str
    data: Mapping[str, Any]
    words: Mapping[str, Any]
    erased: bool


def history(matter: Matter) -> list[Happened]:
    """What happened, oldest first, with the words opened. One statement. Call it only behind the fence or
    a receipt.
    """
    rows = []
    for row in ledger.history(matter.pk):
        words = dict(row.payload or {})
        if sealed := words.get("sealed"):
            words = json.loads(open_text(matter, "words", bytes.fromhex(sealed)))
        rows.append(
            Happened(
                id=row.id,
                kind=row.kind,
                at=row.at,
                by_reporter=row.authority in ("receipt", "plate"),
                name=words.pop("name", ""),
                post=words.pop("post", ""),
                data=row.data,
                words=words,
                erased=row.erased,
            )
        )
    return rows


def seats_on(matter: Matter, *, helping: bool = False) -> list[str]:
    """The seats that may act on a matter besides its territory: the holder's, and those that grants name; with
    `helping` also those that were asked for a share only, and may do no more than that. One statement.
    """
    granted = MatterGrant.objects.filter(matter=matter, ended_at=None).exclude(seat="")
    if not helping:
        granted = granted.exclude(kind=GrantKind.TOGETHER)
    return [matter.holder_seat, *granted.values_list("seat", flat=True)]


def supervisors_of(matter: Matter) -> list[str]:
    """The seats that supervise a matter. One statement."""
    return list(
        MatterGrant.objects.filter(matter=matter, kind=GrantKind.SUPERVISOR, ended_at=None)
        .exclude(seat="")
        .values_list("seat", flat=True)
    )


def subjects_of(matter: Matter) -> set[UUID]:
    """The users a matter is about; none for an ordinary one, which saves the statement."""
    if matter.visibility == Visibility.ORDINARY:
        return set()
    return set(MatterSubject.objects.filter(matter=matter).values_list("user_id", flat=True))


def subject_places(matter: Matter, *, at: datetime) -> dict[UUID, set[str]]:
    """The users a matter is about, each with the paths of the units where they hold or cover a post. One
    statement; none for an ordinary matter."""
    if matter.visibility == Visibility.ORDINARY:
        return {}
    held, day = "user__appointments__", day_of(at)
    rows = MatterSubject.objects.filter(matter=matter).values_list(
        "user_id", f"{held}unit__path", f"{held}valid_from", f"{held}valid_to"
    )
    places: dict[UUID, set[str]] = {}
    for user_id, path, valid_from, valid_to in rows:
        paths = places.setdefault(user_id, set())
        if path is not None and in_force(valid_from, valid_to, day):
            paths.add(path)
    return places


def known_of(matter_ids: Collection[UUID]) -> dict[UUID, Known]:
    """What may be said of matters outside the app, in the county's own language. One statement, and one for the
    topics' names."""
    rows = list(
        Matter.objects.filter(pk__in=matter_ids).values_list(
            "pk", "county_id", "visibility", "danger", "alarm", "number", "workflow", "topic", "place_name"
        )
    )
    with translation.override(settings.LANGUAGE_CODE):
        topics = {workflow: workflow_of(workflow).topics() for workflow in {row[6] for row in rows}}
    return {
        pk: Known(
            county=county,
            visibility=visibility,
            danger=danger or alarm == ALARM_DANGER,
            facts={"number": str(number), "category": str(topics[workflow].get(topic, "")), "lane": lane},
        )
        for pk, county, visibility, danger, alarm, number, workflow, topic, lane in rows
    }


def told_nothing(matter_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """By matter, the users to whom no notice of it goes: its subjects. One statement."""
    subjects: dict[UUID, set[UUID]] = {}
    rows = MatterSubject.objects.filter(matter__in=matter_ids).values_list("matter_id", "user_id")
    for matter, user in rows:
        subjects.setdefault(matter, set()).add(user)
    return subjects


def describe(actor: Actor, ids: Collection[UUID]) -> dict[UUID, str]:
    """What the actor's inbox may call these matters: place and title, of those that the fence lets through."""
    rows = Matter.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", "place_name", "title")
    return {pk: f"{place} · {title}" for pk, place, title in rows}


def matter_of_code(typed: str, *, address: str, now: datetime) -> Matter:
    """The matter of a query code as somebody typed it.

    A mistyped code is told from its check digit, without a look-up. A well-formed code that nobody holds is a
    guess: guesses are counted by address, and after twenty in ten minutes even a right one waits.
    """
    digits = clean_code(typed)
    if not is_code(digits):
        raise Refused(
            "code_mistyped",
            _("查询码应为 16 位数字，请对照回执核对：可能有一位输错，或相邻两位颠倒了。"),
            field="code",
        )
    if throttle.count("matters.code", address, window=FORGED_WINDOW, now=now) >= FORGED_CODES:
        raise Refused("throttled", _("查询次数过多，请 10 分钟后再试，或拨打公示牌上的值班电话查询。"))
    # unordered, not first(): ordered by its key, a plan may walk all matters for the one the digest names
    found = Matter.objects.filter(receipt__code_digest=digest_of(digits)).select_related("receipt")
    matter = next(iter(found), None)
    if matter is None:
        throttle.bump("matters.code", address, window=FORGED_WINDOW, now=now)
        raise Refused("not_found", _("没有这个查询码对应的事项，请对照回执核对。"), field="code")
    return matter


def photo_for(actor: Actor, photo_id: UUID) -> MatterPhoto:
    """A photo of a matter that the actor may see."""
    photo = (
        MatterPhoto.objects.filter(pk=photo_id, matter__in=Matter.objects.visible_to(actor))
        .select_related("file")
        .first()
    )
    if photo is None:
        raise not_found()
    return photo


def photo_of(matter: Matter, photo_id: UUID) -> MatterPhoto:
    """A photo of one matter, for the holder of its receipt."""
    photo = MatterPhoto.objects.filter(pk=photo_id, matter=matter).select_related("file").first()
    if photo is None:
        raise not_found()
    return photo


def chain_heads(county_id: UUID | None) -> Iterator[ledger.StreamHead]:
    """What each matter's row says is the last event of its stream, by id: what `verify_ledger` compares with
    the events there are.
    """
    matters = Matter.objects.all() if county_id is None else Matter.objects.filter(county=county_id)
    rows = matters.order_by("pk").values_list("pk", "event_seq", "event_head").iterator(chunk_size=2000)
    return ((matter_id, seq, bytes(head)) for matter_id, seq, head in rows)
