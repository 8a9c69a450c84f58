"""The figures of a county, a town, a village: for whoever looks after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_GET

from xiangli.insight import queries
from xiangli.insight.pages.common import actor_of, tops_of, unit_in_scope
from xiangli.insight.queries.figures import Figures, UnitRow
from xiangli.insight.rules import FEW, Period, Tally, period_of, usual_periods
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import Cell, Sheet, workbook_of
from xiangli.territory.models import Unit, UnitKind
from xiangli.territory.queries import ancestors
from xiangli.territory.rules import day_of
from xiangli.web.documents import pdf, pdf_response
from xiangli.web.staff import staff_only

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_GET
@staff_only
def figures(request: HttpRequest) -> HttpResponse:
    """统计: open, overdue, time, reopened and evaluation of a unit, by the units below and by category. `?unit=`
    goes down a level, `?period=` takes a month, a quarter or a year."""
    actor = actor_of(request)
    if request.headers.get(
        "HX-Request"
    ):  # each minute, of each page that is open: what is open now, and no more
        unit, now = _place(request), clock.now()
        return render(
            request, "insight/_figures_now.html", _now(unit, queries.now_of(actor, unit, at=now), now)
        )
    found = _asked(request)
    above = [unit for unit in ancestors(found.unit) if actor.covers(unit.path)]
    today = day_of(found.at)
    context = {
        **_now(found.unit, found.total, found.at),
        "found": found,
        "tops": tops_of(actor),
        "above": above,
        "cards": _cards(found.total),
        "units": [_line(row) for row in found.units],
        "topics": [
            {
                "name": row.name,
                "tally": row.tally,
                "cells": _cells(row.tally),
                "queue": _queue(found.unit, topic=row.code),
                "queue_red": _queue(found.unit, topic=row.code, lamp="red"),
            }
            for row in found.topics
        ],
        "heads": _heads(),
        "periods": [(period.code, _period_words(period)) for period in usual_periods(today)],
        "period_words": _period_words(found.period),
        "chosen": {"unit": str(found.unit.pk), "period": found.period.code},
        "notes": _notes(),
    }
    return render(request, "insight/figures.html", context)


@require_GET
@staff_only
def figures_workbook(request: HttpRequest) -> HttpResponse:
    """The same figures as a workbook: by unit and by category, numbers as numbers."""
    found = _asked(request)
    answer = HttpResponse(workbook_of(_sheets(found)), content_type=_XLSX)
    answer["Content-Disposition"] = content_disposition_header(True, f"{_title(found)}.xlsx") or "attachment"
    return answer


@require_GET
@staff_only
def figures_paper(request: HttpRequest) -> HttpResponse:
    """The same figures on A4."""
    found = _asked(request)
    data = {
        "title": _title(found),
        "about": _about(found),
        "cards": [
            [_("未办结"), str(found.total.open), _("现在")],
            [_("其中超时"), str(found.total.overdue), of(found.total.overdue, found.total.open)],
            *([label, value, part] for label, value, part, _url in _cards(found.total)),
        ],
        "heads": [_("单位"), *_heads()],
        "units": [
            *([_unit_words(row), *_cells(row.tally)] for row in found.units),
            [_("合计"), *_cells(found.total)],
        ],
        "by_unit": _("按单位"),
        "topic_heads": [_("类别"), *_heads()],
        "topics": [[row.name, *_cells(row.tally)] for row in found.topics],
        "by_topic": _("按类别"),
        "nothing": _("这段时间没有事项。"),
        "notes": _notes(),
    }
    return pdf_response(pdf("insight/figures", data, at=found.at), f"{_title(found)}.pdf")


def _asked(request: HttpRequest) -> Figures:
    actor, now = actor_of(request), clock.now()
    unit = _place(request)
    typed = request.GET.get("period", "")
    try:
        period = period_of(typed) if typed else usual_periods(day_of(now))[0]
    except ValueError as error:
        raise Refused(
            "invalid_period",
            _("“%(typed)s”不是一段时间。请写年份 2026、季度 2026-Q4 或月份 2026-11。")
            % {"typed": typed[:20]},
            field="period",
        ) from error
    return queries.figures(actor, unit, period, at=now)


def _place(request: HttpRequest) -> Unit:
    """The unit that is counted; somebody of an organ, which is no place, has none."""
    unit = unit_in_scope(actor_of(request), request.GET.get("unit"))
    if unit.kind == UnitKind.ORGAN:
        raise Refused(
            "forbidden_no_figures", _("统计按地方数，部门没有自己的地方；请在受理台看交给您的事项。")
        )
    return unit


def _now(unit: Unit, tally: Tally, at: datetime) -> dict[str, Any]:
    return {
        "now": at,
        "tally": tally,
        "unit": unit,
        "queue": _queue(unit),
        "queue_red": _queue(unit, lamp="red"),
    }


def _line(row: UnitRow) -> dict[str, Any]:
    return {
        "name": _unit_words(row),
        "tally": row.tally,
        "cells": _cells(row.tally),
        "down": str(row.unit.pk) if row.unit and row.further else "",
        # of the unit itself, without those below, the queue has no filter
        "queue": _queue(row.unit) if row.unit else "",
        "queue_red": _queue(row.unit, lamp="red") if row.unit else "",
    }


def _unit_words(row: UnitRow) -> str:
    if row.unit is None:
        return _("本级")
    if row.ended is not None:
        return _("%(unit)s（%(day)s 撤并）") % {"unit": row.unit.short_name, "day": f"{row.ended:%Y-%m}"}
    return row.unit.short_name


def _queue(unit: Unit, **chosen: str) -> str:
    return f"{reverse('matters:queue')}?{urlencode({'unit': unit.path, **chosen})}"


def _heads() -> list[str]:
    return [
        _("未办结"), _("其中超时"), _("收到"), pgettext("统计", "办结"), _("用时中位数"), _("重办过"), _("反映人确认"),
        pgettext("统计", "评价"),
    ]  # fmt: skip


def _cells(tally: Tally) -> list[str]:
    """A row of the tables in words; each part with what it is a part of."""
    return [
        str(tally.open),
        of(tally.overdue, tally.open),
        str(tally.reported),
        str(tally.closed),
        duration_words(tally.median_s),
        of(tally.reopened, tally.closed),
        of(tally.confirmed, tally.closed),
        _rating_words(tally),
    ]


def _cards(tally: Tally) -> list[tuple[str, str, str, str]]:
    """What stands on top: the word, the figure, of what."""
    closed = ngettext("办结的 %(count)d 件里", "办结的 %(count)d 件里", tally.closed) % {
        "count": tally.closed
    }
    return [
        (_("收到"), str(tally.reported), _("这段时间反映的"), ""),
        (pgettext("统计", "办结"), str(tally.closed), _("这段时间办结的"), ""),
        (_("用时中位数"), duration_words(tally.median_s), closed, ""),
        (_("重办过"), str(tally.reopened), closed, ""),
        (_("反映人确认"), str(tally.confirmed), closed, ""),
        (pgettext("统计", "评价"), _rating_words(tally), closed, ""),
    ]


def of(part: int, whole: int) -> str:
    """3 / 12; nothing of nothing is a dash."""
    return f"{part} / {whole}" if whole else "—"


def duration_words(seconds: float | None) -> str:
    """35 分钟, 5.5 小时, 3.2 天; a dash where nothing was measured."""
    if seconds is None:
        return "—"
    if seconds < 3600:
        return _("%(count)d 分钟") % {"count": round(seconds / 60)}
    if seconds < 48 * 3600:
        return _("%(count)s 小时") % {"count": f"{seconds / 3600:.1f}"}
    return _("%(count)s 天") % {"count": f"{seconds / 86400:.1f}"}


def _rating_words(tally: Tally) -> str:
    if tally.average is None:
        return _("不足 %(few)d 份") % {"few": FEW} if tally.rated else "—"
    return _("%(average)s 分（%(count)d 份）") % {"average": f"{tally.average:.1f}", "count": tally.rated}


def _period_words(period: Period) -> str:
    if period.code.isdigit():
        return _("%(year)s 年") % {"year": period.code}
    if "Q" in period.code:
        year, quarter = period.code.split("-Q")
        return _("%(year)s 年第 %(quarter)s 季度") % {"year": year, "quarter": quarter}
    return _("%(year)d 年 %(month)d 月") % {"year": period.since.year, "month": period.since.month}


def _title(found: Figures) -> str:
    return _("%(unit)s 办理统计 %(period)s") % {
        "unit": found.unit.short_name, "period": _period_words(found.period)
    }  # fmt: skip


def _about(found: Figures) -> str:
    return _("期间 %(since)s 至 %(until)s；未办结和超时数到 %(now)s。") % {
        "since": found.period.since.isoformat(),
        "until": found.period.last.isoformat(),
        "now": date_format(localtime(found.at), "Y-m-d H:i"),
    }


def _notes() -> list[str]:
    return [
        _("只统计一般事项；不公开和保密的事项不在内。"),
        _(
            "收到的算在反映那天的单位，办结的算在办结那天的单位，撤并过的照当时的界线；未办结的已随地方转到现在的单位。"
        ),
        _("用时从反映算到办结，取中位数。评价不足 %(few)d 份的不算平均分。") % {"few": FEW},
    ]


def _sheets(found: Figures) -> Sequence[Sheet]:
    heads = [
        _("未办结"), _("其中超时"), _("收到"), pgettext("统计", "办结"), _("用时中位数（小时）"), _("重办过"), _("反映人确认"),
        _("评价份数"), _("评价平均分"),
    ]  # fmt: skip

    def cells(tally: Tally) -> list[Cell]:
        hours = None if tally.median_s is None else round(tally.median_s / 3600, 1)
        average = None if tally.average is None else round(tally.average, 2)
        counted = [tally.open, tally.overdue, tally.reported, tally.closed]
        return [*counted, hours, tally.reopened, tally.confirmed, tally.rated, average]

    units: list[list[Cell]] = [[_("单位"), *heads]]
    units += [[_unit_words(row), *cells(row.tally)] for row in found.units]
    units.append([_("合计"), *cells(found.total)])
    topics: list[list[Cell]] = [[_("类别"), *heads]]
    topics += [[row.name, *cells(row.tally)] for row in found.topics]
    topics.append([_("合计"), *cells(found.total)])
    notes: list[list[Cell]] = [[words] for words in (_title(found), _about(found), *_notes())]
    return [Sheet(_("按单位"), units), Sheet(_("按类别"), topics), Sheet(_("说明"), notes)]
