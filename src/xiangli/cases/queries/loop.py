"""Categories, the facts of a case, and what its people are told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import monotonic
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from xiangli.cases.models import Case, Category, Hotline, Limit
from xiangli.cases.rules import Bound, Facts, Limits, outcomes_of
from xiangli.cases.states import TABLE, ClockName, EvidenceRule, Outcome, State
from xiangli.kernel.clocks import Kind, Length
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.matters.queries import Happened, history
from xiangli.matters.states import PhotoRole
from xiangli.territory.models import Post

CHINA = ZoneInfo("Asia/Shanghai")  # a limit begins with a day of the law, and the law's days are these


def in_english() -> bool:
    return (get_language() or "").startswith("en")


def topic_labels() -> Mapping[str, str]:
    """Category names by code, in the active language."""
    return dict(Category.objects.values_list("code", "name_en" if in_english() else "name"))


def categories() -> list[Category]:
    """All categories, in their order."""
    return list(Category.objects.order_by("order", "code"))


_KEEP_S: Final = 5.0  # how long a process goes by what it has read: a county's change takes effect that soon
_known: dict[tuple[str, date], tuple[float, tuple[Category, Limits]]] = {}


def category_with_limits(code: str, *, on: datetime) -> tuple[Category, Limits] | None:
    """A category and its limits in force on the day of `on`; None: there is no such category. One
    statement, or none: every report asks, and the rows are a county's settings.
    """
    day = on.astimezone(CHINA).date()
    kept = _known.get((code, day))
    if kept is not None and monotonic() - kept[0] < _KEEP_S:
        return kept[1]
    found = next(iter(Category.objects.raw(_WITH_LIMITS, {"code": code, "day": day})), None)
    if found is None:
        return None
    bounds = {
        clock: Bound(Length(amount, Kind(kind)), source)
        for clock, amount, kind, source in json.loads(vars(found).pop("bounds") or "[]")
    }
    _known[code, day] = (monotonic(), (found, Limits(bounds)))
    return found, Limits(bounds)


def forget_known() -> None:
    """Read a county's settings again at the next report."""
    _known.clear()


# In SQL, because every report asks it: building it out of subqueries costs more than reading it.
_WITH_LIMITS = f"""
    SELECT {", ".join(f'c."{field.column}"' for field in Category._meta.concrete_fields)}, (
        SELECT jsonb_agg(jsonb_build_array(l.clock, l.amount, l.kind, l.source)) FROM (
            SELECT DISTINCT ON (clock) clock, amount, kind, source FROM {Limit._meta.db_table}
             WHERE category_id = c.id AND valid_from <= %(day)s
             ORDER BY clock, valid_from DESC
        ) l
    ) AS bounds
      FROM {Category._meta.db_table} c WHERE c.code = %(code)s
"""  # noqa: S608  # the tables' own names


def limits_of(category: Category, *, on: datetime) -> Limits:
    """The limits of a category in force on the day of `on`: a case is judged by those of the day it was
    reported."""
    found = category_with_limits(category.code, on=on)
    assert found is not None  # a category in use is never deleted (PROTECT)
    return found[1]


def hotlines() -> dict[str, Hotline]:
    """All hotlines by number."""
    return {row.number: row for row in Hotline.objects.order_by("order")}


def facts_of(matter: Matter, case: Case, *, before: int = 0, after: int = 0) -> Facts:
    """What the rules need to know; `before` and `after` count the photos that the act itself brings. At
    most one statement.

    How it looked before stays true; how it looked after an earlier try proves nothing of this one."""
    shown = 0
    if case.category.evidence == EvidenceRule.BEFORE_AFTER:
        roles = [PhotoRole.BEFORE, PhotoRole.REPORT]
        shown = MatterPhoto.objects.filter(matter=matter, role__in=roles).count()
    return Facts(
        state=matter.state,
        handler=matter.handler_id,
        resolved_by=case.resolved_by_id,
        evidence=case.category.evidence,
        verify=case.category.verify,
        verify_share=case.category.verify_share,
        danger=matter.danger,
        confirmed=case.confirmed_at is not None,
        rated=case.rating is not None,
        photos_before=shown + before,
        photos_after=after,
    )


def last_act(matter: Matter) -> dict[str, Any]:
    """Who moved a matter last, for the person whose form came too late: {"who", "action", "at", "state"}."""
    moves = [row for row in history(matter) if row.kind in TABLE]
    if not moves:
        return {}
    last = moves[-1]
    return {
        "who": " ".join(filter(None, (last.post, last.name))) or _("系统"),
        "action": TABLE[last.kind].label,
        "at": last.at,
        "state": State(matter.state).label,
    }


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What a passer-by may know of a matter on this plate: category, lane, state and age; never words or
    photos nobody has checked."""

    id: Any
    category: str
    place: str
    state: str
    state_label: str
    reported_at: datetime
    me_too: int


def neighbours(unit_path: str, *, limit: int = 20) -> list[Neighbour]:
    """Open matters of public categories in a place, newest first. One statement."""
    label = "case__category__name_en" if in_english() else "case__category__name"
    rows = (
        Matter.objects.public_in(unit_path)
        .open()
        .filter(workflow="case", case__category__public=True)
        .order_by("-reported_at", "-id")
        .values_list("id", label, "place_name", "state", "reported_at", "me_too")[:limit]
    )
    return [
        Neighbour(
            id=pk,
            category=name,
            place=place,
            state=state,
            state_label=str(State(state).label),
            reported_at=at,
            me_too=count,
        )
        for pk, name, place, state, at, count in rows
    ]


_MARKS = {
    "report_case": "pin",
    "assign_case": "people",
    "transfer_case": "people",
    "handle_together": "people",
    "take_case": "user",
    "claim_case": "user",
    "arrive_case": "pin",
    "hand_up_case": "next",
    "return_case": "back",
    "suspend_case": "pause",
    "ask_extension": "clock",
    "decide_extension": "clock",
    "supervise_case": "bell",
    "nudge_case": "bell",
    "merge_case": "copy",
    "merge_in": "copy",
    "decline_case": "close",
    "withdraw_case": "close",
    "amber_case": "clock",
    "overdue_case": "alert",
    "move_up_case": "alert",
    "end_suspension": "clock",
    "start_clocks": "clock",
    "recompute_clocks": "clock",
    "reopen_case": "alert",
    "evaluate_case": "star",
    "reveal_contact": "search",
    "me_too": "people",
}
# Whose words the reporter reads besides their own: what was done, the feedback, why it waits or is not for us. Reasons between
# colleagues stay between them.
_TOLD = {
    "resolve_case",
    "handle_on_spot",
    "close_case",
    "reveal_contact",
    "suspend_case",
    "decline_case",
}
# What is no step of theirs: counted elsewhere, asked between colleagues, or a clock that has not run out.
_NOT_TOLD = {"me_too", "merge_in", "ask_extension", "amber_case", "start_clocks", "recompute_clocks"}


def event_label(kind: str) -> str:
    """What an event is called on a timeline."""
    if kind in TABLE:
        return str(TABLE[kind].label)
    return {
        "report_case": _("反映"),
        "reveal_contact": _("查看了反映人的联系方式"),
        "me_too": _("又有人反映"),
        "merge_in": _("另一件并入"),
        "move_case": _("单位撤并，随之转到新单位"),
        "reseat_case": _("原岗位没有人了，转到现在负责的岗位"),
        "release_case": _("办理的人离岗，退回岗位由接替的人办"),
        "move_part": _("协同的岗位没有人了，转到现在负责的岗位"),
        "start_clocks": _("开始计时"),
        "recompute_clocks": _("节假日安排公布，重算时限"),
    }.get(kind, kind)


def _title(row: Happened, *, for_reporter: bool) -> str:
    """What happened, with what one has to know to understand it."""
    title, data = event_label(row.kind), row.data
    match row.kind:
        case "verify_case":
            return _("核查通过") if data.get("passed") else _("核查未通过")
        case "resolve_case" | "handle_on_spot" if (said := _came_out(row)) is not None:
            return f"{title} · {said}"
        case "suspend_case" | "ask_extension" if days := data.get("days"):
            return f"{title} {days_words(days)}"
        case "decide_extension":
            said = _("同意延期 %(days)s") if data.get("approved") else _("不同意延期 %(days)s")
            return said % {"days": days_words(data.get("days", 0))}
        case "overdue_case" if for_reporter:
            return _("超时，上一级已介入") if data.get("supervisor") else title
        case "move_up_case" if for_reporter:
            return _("超时，转到上一级办理")
        case "amber_case" | "overdue_case" if data.get("clock") in ClockName.values:
            return f"{title} · {ClockName(data['clock']).label}"
        case "merge_case" | "merge_in" if number := data.get("number"):
            return _("%(title)s · 编号 %(number)s") % {"title": title, "number": number}
    return title


def _came_out(row: Happened) -> Any:
    """How an act says a case came out, where that is not the usual; None where it is."""
    outcome = row.data.get("outcome")
    usual = outcomes_of(row.kind)[0]
    return Outcome(outcome).label if outcome in Outcome.values and outcome != usual else None


def days_words(days: int) -> str:
    """3 天."""
    return ngettext("%(count)d 天", "%(count)d 天", days) % {"count": days}


def _words(row: Happened) -> str:
    """The words of an event; of one declined also where to go instead."""
    said = row.words.get("words") or row.words.get("note") or ""
    if where := row.words.get("where"):
        said += "\n" + _("可以去这里办：%(where)s") % {"where": where}
    return str(said)


def _by_clock(kind: str) -> bool:
    """Whether nobody did it: its time had come."""
    return kind in ("start_clocks", "recompute_clocks") or (kind in TABLE and TABLE[kind].by_rule)


def _english_titles() -> dict[str, str]:
    """The English names of posts by their Chinese ones, which the record keeps. One statement."""
    return dict(Post.objects.values_list("name", "name_en"))


def timeline(
    happened: Sequence[Happened], pictures: Sequence[Mapping[str, Any]], *, for_reporter: bool
) -> list[dict[str, Any]]:
    """A matter's history for the timeline component. A reporter reads their own words and those meant for them."""
    titles = _english_titles() if in_english() else {}

    def said(seat: str) -> str:
        """A seat of the record, "一巷 街巷长", with its post in the reader's language."""
        unit, _space, title = seat.rpartition(" ")
        return f"{unit} {titles.get(title, title)}".strip()

    entries = []
    for row in happened:
        refused = row.kind == "decide_extension" and not row.data.get("approved")
        if for_reporter and (row.kind in _NOT_TOLD or refused):
            continue
        words = _words(row)
        if for_reporter and not row.by_reporter and row.kind not in _TOLD:
            words = ""
        title = _title(row, for_reporter=for_reporter)
        if target := row.words.get("target"):
            title += f" → {said(target)}"
        by = (
            _("反映人")
            if row.by_reporter and not row.name
            else " ".join(filter(None, (said(row.post), row.name)))
        )
        if _by_clock(row.kind):
            by = _("到时自动")
        entries.append(
            {
                "at": row.at,
                "title": title,
                "by": by if not (for_reporter and row.by_reporter) else "",
                "words": _("（内容已依法删除）") if row.erased else words,
                "rating": row.data.get("rating"),
                "photos": [picture for picture in pictures if picture["event"] == row.id],
                "mark": _MARKS.get(row.kind, "check"),
            }
        )
    return entries
