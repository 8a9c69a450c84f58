"""The closed loop: what an act on a case asks for, and what it leads to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import cos, hypot, radians
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from xiangli.cases.states import TABLE, TAKEN_DOWN, Channel, EvidenceRule, Outcome, State
from xiangli.kernel.refusals import Refused
from xiangli.territory.rules import Actor, Held

MAX_WORDS = 2000  # characters of a report, a resolution, a reason
MAX_PHOTOS = 9
TITLE_LENGTH = 40
FLOOD = 20  # reports from one plate within the window, before people are asked to wait or to ring
FLOOD_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules need to know of a case."""

    state: str
    handler: UUID | None
    resolved_by: UUID | None
    evidence: str
    verify: bool
    verify_share: int = 0  # of a hundred
    danger: bool = False
    confirmed: bool = False
    rated: bool = False
    photos_before: int = 0  # the reporter's count as before
    photos_after: int = 0


def check_state(action: str, state: str) -> None:
    """Refuse an action that the table does not allow in this state."""
    row = TABLE[action]
    if state not in row.sources:
        raise Refused(
            "wrong_state",
            _("这件事项现在是“%(state)s”，不能再“%(action)s”。请刷新页面看最新进展。")
            % {"state": State(state).label, "action": row.label},
        )


def can(action: str, state: str) -> bool:
    """Whether the table allows an action in this state: shows or hides its button."""
    return state in TABLE[action].sources


def check_note(action: str, note: str) -> str:
    """The words of an act, trimmed; refused when the table asks for them and there are none, or when there
    are too many."""
    note = note.strip()
    if not note and TABLE[action].note_required:
        raise Refused("note_missing", TABLE[action].hint, field="note")
    if len(note) > MAX_WORDS:
        raise Refused(
            "note_long",
            _("最多 %(most)s 字，现在有 %(length)s 字，请删短一些。")
            % {"most": MAX_WORDS, "length": len(note)},
            field="note",
        )
    return note


def check_words(words: str) -> str:
    """The words of a report, trimmed; between 2 and 2,000 characters."""
    words = words.strip()
    if len(words) < 2:
        raise Refused("words_missing", _("请写几个字，说明是什么事。"), field="words")
    if len(words) > MAX_WORDS:
        raise Refused(
            "words_long",
            _("最多 %(most)s 字，现在有 %(length)s 字。请删短一些，余下的可以在电话里说。")
            % {"most": MAX_WORDS, "length": len(words)},
            field="words",
        )
    return words


def check_handler(action: str, facts: Facts, actor: UUID) -> None:
    """Once somebody has taken a case, only that person resolves it; anybody else must have it assigned
    first."""
    if facts.handler is not None and facts.handler != actor:
        raise Refused("not_handler", _("这件事项由别人在办。需要换人时，请由村里先交办。"))


def check_evidence(facts: Facts) -> None:
    """Photos are asked for only where the category's closure itself needs them (国办函〔2026〕12号: no forced
    uploads otherwise)."""
    if facts.evidence == EvidenceRule.BEFORE_AFTER and not facts.photos_before:
        raise Refused(
            "photo_before_missing", _("这类事项须有处理前的照片，请补一张处理前照片。"), field="before"
        )
    if facts.evidence in (EvidenceRule.AFTER, EvidenceRule.BEFORE_AFTER) and not facts.photos_after:
        raise Refused("photo_after_missing", _("这类事项须有处理后的照片，请拍一张再提交。"), field="after")


def why_verified(facts: Facts, *, drawn: int) -> str:
    """Why a resolution goes to somebody else's check (GB/T 30428 核查): the category asks for it, there was
    danger, or it was drawn; "" where it goes straight to the reporter. `drawn` is a number from 0 to 99 that
    nobody can foresee."""
    if facts.verify:
        return "category"
    if facts.danger:
        return "danger"
    return "sample" if drawn < facts.verify_share else ""


def check_verifier(facts: Facts, actor: UUID) -> None:
    """Who resolved a case does not verify it: somebody else means another person, not another post."""
    if actor in (facts.resolved_by, facts.handler):
        raise Refused("own_work", _("核查须由处理人以外的人来做，请交给另一位同事。"))


def check_confirm(facts: Facts) -> None:
    if facts.confirmed:
        raise Refused("confirmed", _("您已经确认过了，谢谢。"))


def check_in_time(until: datetime | None, now: datetime) -> None:
    """After closing there are some days to confirm or reopen; then a new report is the way."""
    if until is not None and now > until:
        raise Refused(
            "too_late",
            _("办结后可以确认或要求重办的期限已过。如果还有问题，请扫公示牌重新上报，或拨打 12345。"),
        )


def check_nudge(last: date | None, today: date) -> None:
    """催办: once a day."""
    if last == today:
        raise Refused("nudged", _("今天已经催过一次，承办人收到了。明天还没办可以再催，急事请打值班电话。"))


def check_declinable(facts: Facts, where: str) -> str:
    """Declining says where to go instead. What is dangerous is never declined."""
    if facts.danger:
        raise Refused("danger", _("有危险的事项不能不予受理。不归您这里管的，请马上转派或上报。"))
    where = where.strip()
    if len(where) < 2:
        raise Refused("where_missing", _("请写明对方可以去哪里办，比如部门、窗口和电话。"), field="where")
    return where[:200]


def check_suspension(facts: Facts, days: int | None, *, most: int) -> int:
    """挂起: some days, at most `most`. Danger does not wait."""
    if facts.danger:
        raise Refused("danger", _("有危险的事项不能挂起。"))
    if most < 1:
        raise Refused("suspended", _("这件事项挂起的天数已经用完，不能再挂起。请办理，或者上报。"))
    if days is None or not 1 <= days <= most:
        raise Refused("days_range", _("请写 1 到 %(most)s 天。") % {"most": most}, field="days")
    return days


def check_extension(days: int | None, *, most: int, due_at: datetime | None, now: datetime) -> int:
    """延期: asked before the clock runs out, for at most `most` days in all."""
    if due_at is None or now >= due_at:
        raise Refused("breached", _("已经超时，不能再申请延期。请抓紧办理，并在督办里说明情况。"))
    if most < 1:
        raise Refused("extended", _("这件事项已经延过期，不能再延。"))
    if days is None or not 1 <= days <= most:
        raise Refused("days_range", _("请写 1 到 %(most)s 天。") % {"most": most}, field="days")
    return days


def held_above(actor: Actor, permission: str, unit_path: str) -> Held | None:
    """The nearest of the actor's posts above a unit that grants `permission`."""
    above = [
        held
        for held in actor.held
        if permission in held.permissions
        and unit_path.startswith(held.unit_path)
        and held.unit_path != unit_path
    ]
    return max(above, key=lambda held: len(held.unit_path), default=None)


def check_rating(rating: int | None, words: str) -> None:
    if rating is not None and not 1 <= rating <= 5:
        raise Refused("rating_range", _("请给 1 到 5 颗星。"), field="rating")
    if rating is None and not words:
        raise Refused("evaluation_empty", _("请写几个字，或给出星级。"), field="note")


def check_reason(reason: str) -> str:
    """Why a contact is opened; goes into the record that the person concerned may see."""
    reason = reason.strip()
    if len(reason) < 4:
        raise Refused("reason_missing", _("请写明为什么需要联系反映人；这会留下记录。"), field="note")
    return reason[:200]


def is_free_of_subjects(
    people: Collection[UUID], path: str, *, subjects: Collection[UUID], subject_paths: Collection[str]
) -> bool:
    """Whether a matter may be given to a seat in which `people` sit, of the unit at `path`: none of its
    subjects sits there, and none holds a post in a unit above, or it would be put right by those who answer
    to its subject. `subject_paths` are the units where the subjects hold posts."""
    below = any(path != above and path.startswith(above) for above in subject_paths)
    return not below and not set(people) & set(subjects)


def check_seat_free_of_subjects(
    people: Collection[UUID], path: str, *, subjects: Collection[UUID], subject_paths: Collection[str]
) -> None:
    """A matter is never given to, or through, those it is about (rights.md)."""
    if not is_free_of_subjects(people, path, subjects=subjects, subject_paths=subject_paths):
        raise Refused("subject_seat", _("这个岗位与事项有关，不能交给它办理，请另选。"), field="seat")


def title_of(words: str) -> str:
    """The first words of a report, for a row of a list."""
    line = " ".join(words.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"


def outcomes_of(action: str) -> tuple[Outcome, ...]:
    """How an act may say that a case came out; the usual one first."""
    usual = Outcome.ON_SPOT if action == "handle_on_spot" else Outcome.PUT_RIGHT
    return (usual, Outcome.EXPLAINED, Outcome.STOPPED, Outcome.NOTHING, Outcome.POLICE)


def check_outcome(action: str, outcome: str) -> Outcome:
    """The outcome that was chosen; the usual one where none was."""
    may = outcomes_of(action)
    if not outcome:
        return may[0]
    if outcome not in may:
        raise Refused("outcome_unknown", _("请从列出的结果里选一个。"), field="outcome")
    return Outcome(outcome)


def check_channel(channel: str, *, by_staff: bool, consent: bool, contact: bool, order: bool = False) -> None:
    """What staff report for somebody is marked so. Nothing is read from private chats: out of a group comes only
    what the person who wrote it agreed to pass on (rights.md). Of what staff see themselves there is nobody to
    call back. An order of another platform comes as such and in no other way."""
    expected = (
        order
        if channel == Channel.PLATFORM
        else by_staff == (channel in TAKEN_DOWN or channel == Channel.STAFF) and not order
    )
    if not expected:
        raise Refused("channel_unknown", _("请选这件事是怎么知道的。"), field="channel")
    if channel == Channel.GROUP and not consent:
        raise Refused(
            "no_consent",
            _("群里的话要发的人同意才能转来。请先问一声；没问到的，请对方自己扫公示牌上报。"),
            field="consent",
        )
    if channel == Channel.STAFF and contact:
        raise Refused(
            "contact_of_nobody",
            _("自己发现的事不用留电话。替别人报的，请选电话、当面或群里转来。"),
            field="channel",
        )


def check_turn(seen: int, turn: int, *, last: dict[str, Any] | None) -> None:
    """Refuse a form that was drawn before somebody else acted, and say who did what and when."""
    if seen == turn:
        return
    raise Refused(
        "changed",
        _("就在刚才，%(who)s已经“%(action)s”。页面上是最新情况，请看过再决定。")
        % {"who": (last or {}).get("who", ""), "action": (last or {}).get("action", "")},
        **(last or {}),
    )


# What a seat may do that was asked to handle together, and has nothing else to do with the case.
HELPS = frozenset({"arrive_case", "finish_part"})

NEAR_METRES = 500  # a lane, its ends and the error of a phone's receiver


def photo_point(
    places: Collection[tuple[float, float]], *, near: tuple[float | None, float | None]
) -> tuple[float, float] | None:
    """The first place a photo was taken at that lies by the plate: where in the lane it is. A photo from
    elsewhere (out of an album, sent on by somebody) says nothing of the place. Degrees, WGS-84."""
    lat, lng = near
    if lat is None or lng is None:
        return None
    metre = 111_320.0  # metres in a degree of latitude
    for place in places:
        north, east = (place[0] - lat) * metre, (place[1] - lng) * metre * cos(radians(lat))
        if hypot(north, east) <= NEAR_METRES:
            return place
    return None
