"""一村一档: what there is to say of a village, on paper."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from xiangli.cases.queries import topic_labels
from xiangli.cases.states import State
from xiangli.insight.pages.common import actor_of
from xiangli.insight.pages.units import has_dossier, unit_inside
from xiangli.insight.queries.units import hazards_in, open_in
from xiangli.kernel import clock
from xiangli.territory.models import Unit
from xiangli.territory.queries import about, ancestors, tree
from xiangli.territory.rules import Actor
from xiangli.web.documents import pdf, pdf_response
from xiangli.web.staff import staff_only

HAZARDS: Final = ("hazards", "danger_now", "work_safety")
MOST_HAZARDS: Final = 100
MOST_OFFICES: Final = 60


@require_GET
@staff_only
def dossier(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """The file of a village: its posts and those of its grids and lanes with duty numbers, open hazards, figures,
    history. It says who took it out, and when."""
    actor, now = actor_of(request), clock.now()
    unit = unit_inside(request, unit_id)
    if not has_dossier(unit) or tree.is_ended(unit, at=now):
        raise Http404
    content = pdf("insight/dossier", dossier_of(actor, unit, at=now), at=now)
    return pdf_response(content, _("%(unit)s 一村一档.pdf") % {"unit": unit.short_name})


def dossier_of(actor: Actor, unit: Unit, *, at: datetime) -> dict[str, Any]:
    """What stands in the file, in words."""
    posts = about.posts_under(unit, at=at)
    lamps = open_in(actor, unit, at=at)
    hazards = hazards_in(actor, unit, topics=HAZARDS, most=MOST_HAZARDS)
    offices, page = about.offices(unit, at=at, size=MOST_OFFICES)
    came, went = tree.changes_of(unit)
    boundary = tree.boundary_words(unit)
    topics = topic_labels()
    above = [one.short_name for one in ancestors(unit) if one.county_id is not None]
    vacant = _("空缺")
    return {
        "title": _("%(unit)s 一村一档") % {"unit": unit.short_name},
        "about": " · ".join([*above, unit.name, *([unit.code] if unit.code else [])]),
        "taken": _("%(name)s 于 %(moment)s 取出，供工作使用。")
        % {"name": actor.name, "moment": date_format(localtime(at), "Y-m-d H:i")},
        "posts": {
            "title": _("村级岗位"),
            "head": [_("岗位"), _("姓名"), _("值班电话")],
            "rows": [
                [row.post, row.names or (vacant if row.loud else ""), row.phone] for row in posts if row.own
            ],
            "none": _("没有设岗位。"),
        },
        "teams": {
            "title": _("网格与街巷"),
            "head": [_("单位"), _("岗位"), _("姓名"), _("值班电话")],
            "rows": [
                [row.place, row.post, row.names or (vacant if row.loud else ""), row.phone]
                for row in posts
                if not row.own
            ],
            "none": _("下面没有单位。"),
        },
        "below": _("截至 %(on)s：%(counts)s。")
        % {
            "on": date_format(localtime(at), "Y-m-d"),
            "counts": "；".join(
                _("%(level)s %(count)d 个") % {"level": row.level, "count": row.count}
                for row in tree.below(unit, at=at)
            )
            or _("下面没有单位"),
        },
        "figures": {
            "title": _("基本数字"),
            "head": [_("名称"), _("数值"), _("截至"), _("来源")],
            "rows": [
                [
                    newest.name,
                    f"{newest.value.normalize():f} {newest.measure}",
                    newest.as_of.isoformat(),
                    newest.source,
                ]
                for newest, _older in tree.figures_of(unit)
            ],
            "none": _("还没有登记户数、人口等数字。"),
        },
        "hazards": {
            "title": _("没有办结的安全隐患"),
            "head": [_("编号"), _("类别"), _("地点"), _("状态"), _("已多久")],
            "rows": [
                [
                    str(row["number"]),
                    str(topics.get(row["topic"], row["topic"])),
                    row["place_name"],
                    str(State(row["state"]).label),
                    _age(row["reported_at"], at),
                ]
                for row in hazards
            ],
            "none": _("没有。"),
            "note": _cut(len(hazards), MOST_HAZARDS)
            + _("全部未办结事项 %(all)d 件，其中已超时 %(red)d / %(all)d（%(on)s）；只数一般事项。")
            % {"all": lamps.open, "red": lamps.red, "on": date_format(localtime(at), "Y-m-d H:i")},
        },
        "history": {
            "title": _("历任"),
            "head": [_("岗位"), _("姓名"), _("从"), _("到"), _("前任")],
            "rows": [
                [
                    row.post,
                    row.name + (_("（代理）") if row.deputy else ""),
                    row.valid_from.isoformat(),
                    _day(row.last_day),
                    row.predecessor,
                ]
                for row in offices
            ],
            "none": _("还没有人任过职。"),
            "note": _cut(len(offices), MOST_OFFICES) if page.next else "",
        },
        "origin": {
            "title": _("沿革与界线"),
            "lines": [
                _("%(since)s 起") % {"since": unit.valid_from.isoformat()},
                *(
                    _("%(on)s 接续 %(unit)s") % {"on": change.on.isoformat(), "unit": change.name}
                    for change in came
                ),
                *(
                    _("%(on)s 撤并入 %(unit)s") % {"on": change.on.isoformat(), "unit": change.name}
                    for change in went
                ),
                _boundary(boundary),
            ],
        },
    }


def _cut(shown: int, most: int) -> str:
    """That a list ends where it does because it is long: nobody takes it for all there is."""
    return _("只列前 %(most)d 行。") % {"most": most} if shown >= most else ""


def _day(last: date | None) -> str:
    return last.isoformat() if last else _("至今")


def _age(since: datetime, now: datetime) -> str:
    days = (now - since).days
    if days == 0:
        return _("今天")
    return ngettext("%(count)d 天", "%(count)d 天", days) % {"count": days}


def _boundary(found: tuple[str, bool] | None) -> str:
    if found is None:
        return _("界线还没有绘制。")
    source, made_up = found
    words = _("界线来源：%(source)s") % {"source": source}
    return _("%(words)s（示意，不是实测）") % {"words": words} if made_up else words
