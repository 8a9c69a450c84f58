"""What the pages of the queue share: the choice that stands in the address, and what a row shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.matters.forms import FilterForm
from xiangli.matters.models import Matter
from xiangli.matters.pages.common import actor_of, post_name
from xiangli.matters.queries import Filters
from xiangli.matters.states import Topics, Visibility, workflow_of, workflows
from xiangli.territory.queries import units_in_scope
from xiangli.territory.rules import Actor, day_of


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at the queue, when, and what they chose."""

    actor: Actor
    now: datetime
    form: FilterForm
    filters: Filters
    topics: Topics
    query: str  # the choice as it stands in the address, without the page


def view_of(request: HttpRequest, query: Mapping[str, Any] | None = None) -> View:
    """The choice in the request's address, or in `query`. Two statements, the units of a scope once a minute."""
    actor, now = actor_of(request), clock.now()
    data = request.GET if query is None else query
    topics = _topics(day_of(now))
    form = FilterForm(
        data,
        states=[
            (code, label)
            for one in workflows().values()
            for code, label in one.states.items()
            if code in one.waits
        ],
        topics=list(topics.names.items()),
        units=_units(actor, data.get("unit", ""), day_of(now)),
        nets=[(code, name) for code, (name, _codes) in topics.nets.items()],
    )
    chosen = form.chosen()
    net = topics.nets.get(chosen.get("net", ""))
    filters = Filters(
        state=form.reads(),
        lamp=chosen.get("lamp", ""),
        topic=chosen.get("topic", ""),
        net=frozenset(net[1]) if net else None,
        unit=chosen.get("unit", ""),
        supervised="supervised" in chosen,
        since=chosen.get("since"),
        until=chosen.get("until"),
        text=chosen.get("text", ""),
    )
    return View(
        actor, now, form, filters, topics, urlencode({name: _said(value) for name, value in chosen.items()})
    )


def _said(value: Any) -> str:
    """A value as the address has it."""
    if isinstance(value, date):
        return value.isoformat()
    return "1" if value is True else str(value)


def _topics(day: date) -> Topics:
    """The topics of every workflow, in one."""
    found = [one.topics_on(day) for one in workflows().values() if one.topics_on is not None]
    return Topics(
        names={code: name for one in found for code, name in one.names.items()},
        nets={code: net for one in found for code, net in one.nets.items()},
    )


def _units(actor: Actor, chosen: str, day: date) -> list[tuple[str, str]]:
    """The places to choose from, each set in under the one it lies in; none for whoever looks after one place only."""
    units = units_in_scope(actor.scope_paths, chosen=chosen, on=day)
    if len(units) < 2:
        return []
    return [(one.path, "\N{IDEOGRAPHIC SPACE}" * one.depth + one.name) for one in units]


def rows_of(matters: Iterable[Matter], topics: Topics) -> list[dict[str, Any]]:
    """What a list shows of each matter."""
    found, pick = [], _("选 %(number)d")
    for matter in matters:
        workflow = workflow_of(matter.workflow)
        post = post_name(matter.holder_post) if matter.holder_post else _("县外机构")
        found.append(
            {
                "matter": matter,
                "page": reverse(workflow.page, args=[matter.pk]),
                "topic": topics.names.get(matter.topic, matter.topic),
                "label": workflow.states[matter.state],
                "who": matter.handler.display_name if matter.handler else post,
                "pick": pick % {"number": matter.number},
                "lock": "" if matter.visibility == Visibility.ORDINARY else matter.get_visibility_display(),
            }
        )
    return found
