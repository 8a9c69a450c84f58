"""How a case stands, as its reporter is told: in plain words, with what they may do about it and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xiangli.cases import rules
from xiangli.cases.models import Case
from xiangli.cases.queries.loop import in_english
from xiangli.cases.states import OPEN_STATES, TABLE, ClockName, State
from xiangli.kernel import clock
from xiangli.matters.models import Matter, MatterLink
from xiangli.matters.queries import Happened
from xiangli.matters.states import LinkKind
from xiangli.territory.models import County
from xiangli.territory.queries import seat_now
from xiangli.territory.rules import day_of
from xiangli.web.words import until_words


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a matter now, as its reporter is told: post, unit, name and duty number; or the organ outside
    the county."""

    post: str
    unit: str
    name: str
    phone: str
    outside: bool = False


def who_has(matter: Matter) -> Holder:
    """The seat in which a matter lies today, and who sits there. One statement, two when it lies outside."""
    if matter.holder_post_id is None:
        county = County.objects.filter(pk=matter.county_id).first()
        organ, phone = (county.outside_organ, county.outside_phone) if county else ("", "12345")
        return Holder(organ, "", "", phone, outside=True)
    seat = seat_now(matter.holder_unit_id, matter.holder_post_id, at=clock.now())
    if seat is None:
        return Holder("", "", "", "")
    return Holder(seat.post_name, seat.unit_name, seat.name, seat.phone)


@dataclass(frozen=True, slots=True)
class Joined:
    """The case that this one went into: all that its reporter learns of it."""

    number: int
    state: str
    state_label: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How a case stands for whoever holds its receipt."""

    sentence: str
    holder: Holder
    state_label: str
    may: Mapping[str, bool] = field(default_factory=dict)  # by act: what the rules would let them do now
    until: datetime | None = None  # to answer its end by
    nudged: bool = False  # today
    reason: str = ""  # why it waits, or is not for us
    where: str = ""  # to go instead
    into: Joined | None = None


def standing(matter: Matter, case: Case, happened: Sequence[Happened]) -> Standing:
    """All that the reporter's page says above the history. Two statements at most, and one for each case that it
    went through where it was merged."""
    now = clock.now()
    holder = who_has(matter)
    in_time = _in_time(case, now)
    unanswered = matter.state == State.CLOSED and case.confirmed_at is None and not in_time
    nudged = case.nudged_on == day_of(now)
    may = {row.action: rules.can(row.action, matter.state) for row in TABLE.values() if row.by_reporter}
    may["confirm_case"] = may["confirm_case"] and in_time and case.confirmed_at is None
    may["reopen_case"] = may["reopen_case"] and in_time
    may["nudge_case"] = may["nudge_case"] and not nudged
    last = _last(happened, matter.state)
    into = _into(matter) if matter.state == State.MERGED else None
    return Standing(
        sentence=_sentence(matter, case, holder, into=into, waits_until=_waits_until(last), now=now),
        holder=holder,
        state_label=_("已办结，未确认") if unanswered else str(State(matter.state).label),
        may=may,
        until=case.confirm_until if in_time and may["reopen_case"] else None,
        nudged=nudged and rules.can("nudge_case", matter.state),
        reason=str(last.words.get("note", "")) if last else "",
        where=str(last.words.get("where", "")) if last else "",
        into=into,
    )


def _in_time(case: Case, now: datetime) -> bool:
    """The twin of `rules.check_in_time`."""
    return case.confirm_until is None or now <= case.confirm_until


def _last(happened: Sequence[Happened], state: str) -> Happened | None:
    """The act by which the case came to wait or was declined."""
    kind = {State.SUSPENDED: "suspend_case", State.DECLINED: "decline_case"}.get(State(state))
    return next((row for row in reversed(happened) if row.kind == kind), None) if kind else None


def _waits_until(suspended: Happened | None) -> datetime | None:
    """When a suspension ends, by the clock that began with it."""
    for what, name, due in suspended.data.get("clocks", ()) if suspended else ():
        if (what, name) == ("start", ClockName.SUSPENSION) and due:
            return datetime.fromisoformat(due)
    return None


def _into(matter: Matter) -> Joined | None:
    """Where the case went, through whatever it went through."""
    other: Matter | None = matter
    while other is not None and other.state == State.MERGED:  # no circle: what was merged takes nothing in
        link = MatterLink.objects.filter(matter=other, kind=LinkKind.MERGED).select_related("other").first()
        other = link.other if link else None
    if other is None:
        return None
    return Joined(other.number, other.state, str(State(other.state).label), other.closed_at is not None)


def _sentence(
    matter: Matter,
    case: Case,
    holder: Holder,
    *,
    into: Joined | None,
    waits_until: datetime | None,
    now: datetime,
) -> str:
    who = holder.post or _("值班台")
    if holder.outside and matter.state == State.REPORTED:
        return _("这里负责的人都与这件事有关，请直接联系%(who)s，电话 %(phone)s，并告知事项编号。") % {
            "who": holder.post,
            "phone": holder.phone,
        }
    match State(matter.state):
        case State.CLOSED:
            return _closed(case, now)
        case State.SUSPENDED if waits_until is not None:
            said = _("这件事要等一等，最迟 %(by)s 接着办。") % {"by": until_words(waits_until, now=now)}
        case State.MERGED if into is not None:
            return _("和编号 %(number)s 是同一件事，已经并到一起办，那件现在“%(state)s”。") % {
                "number": into.number,
                "state": into.state_label,
            }
        case state:
            said = str(_SAID[state]) % {"who": who}
    if matter.state in OPEN_STATES and (following := _next(matter, now)):
        said += (" " if in_english() else "") + following
    return said


def _closed(case: Case, now: datetime) -> str:
    if case.confirmed_at is not None:
        return _("已经办结，您确认过已经解决。")
    if case.confirm_until is None:
        return _("已经办结。还没解决的话可以要求重办。")
    if now <= case.confirm_until:
        by = until_words(case.confirm_until, now=now)
        return _("已经办结。没解决的话，%(by)s 前可以要求重办。") % {"by": by}
    return _("已经办结，没有等到您的确认。还有问题的话，请扫公示牌重新反映，或拨打 12345。")


def _next(matter: Matter, now: datetime) -> str:
    """What the reporter may count on next, by the clock that runs out first; or that it has run out."""
    if matter.next_clock_at is None or matter.next_clock == ClockName.SUSPENSION:
        return ""
    if matter.next_clock_at > now:
        by = until_words(matter.next_clock_at, now=now)
        return str(_NEXT.get(matter.next_clock, _("最迟 %(by)s 前办好。"))) % {"by": by}
    if matter.alarm == "top":
        return _("已经超时，县里正指定专人答复。")
    return _("已经超时，上一级已经介入。")


_SAID: Final[Mapping[State, Any]] = {
    State.REPORTED: gettext_lazy("已经收到，由%(who)s安排办理。"),
    State.ASSIGNED: gettext_lazy("已经交给%(who)s，正等着接单。"),
    State.IN_PROGRESS: gettext_lazy("%(who)s正在处理。"),
    State.SUSPENDED: gettext_lazy("这件事要等一等。"),
    State.TO_VERIFY: gettext_lazy("已经处理，等另一个人核查。"),
    State.RESOLVED: gettext_lazy("已经处理好了，请您看看是不是解决了。"),
    State.DECLINED: gettext_lazy("这件事不在这里受理。"),
    State.WITHDRAWN: gettext_lazy("您已经撤回。"),
    State.MERGED: gettext_lazy("和另一件是同一件事，已经并到一起办。"),
}
_NEXT: Final[Mapping[str, Any]] = {
    ClockName.RESPOND: gettext_lazy("最迟 %(by)s 前有人响应。"),
    ClockName.VERIFY: gettext_lazy("最迟 %(by)s 前核查完。"),
    ClockName.FEED_BACK: gettext_lazy("最迟 %(by)s 前给您反馈。"),
    ClockName.ANSWER: gettext_lazy("有人在督办，承办人最迟 %(by)s 前答复。"),
}
