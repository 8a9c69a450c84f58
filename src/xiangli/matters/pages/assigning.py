"""Giving several matters away at once: choose to whom, see what will happen to each, do it, see what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.forms import MOST_AT_ONCE, GivenForm, GivingForm
from xiangli.matters.models import Matter
from xiangli.matters.pages.common import actor_of, bulk_for
from xiangli.matters.pages.view import rows_of, view_of
from xiangli.matters.queries import inbox
from xiangli.matters.states import Bulk, Given, Topics
from xiangli.territory.rules import Actor
from xiangli.web.staff import staff_only


@dataclass(slots=True)
class _Asked:
    """The matters that somebody ticked, of those they may see."""

    actor: Actor
    bulk: Bulk
    now: datetime
    matters: list[Matter]
    topics: Topics
    back: str  # the queue's address as they left it

    @property
    def ids(self) -> list[UUID]:
        return [matter.pk for matter in self.matters]


@require_http_methods(["GET", "POST"])
@staff_only
def assign_many(request: HttpRequest) -> HttpResponse:
    """Give the ticked matters to a post. First the posts are offered; a form with the post shows what would happen to
    each; and only that page's own form does it, each matter by an act of its own."""
    data = request.GET if request.method == "GET" else request.POST
    asked = _asked(request, data)
    if request.method == "POST" and data.get("step") == "do":
        return _do(request, asked, data)
    choices = asked.bulk.offers(asked.actor, asked.ids, asked.now)
    form = GivingForm(
        data if request.method == "POST" else None, choices=[(one.value, one.label) for one in choices]
    )
    if request.method == "POST" and form.is_valid():
        return _show_plan(request, asked, form.cleaned_data["choice"], form.cleaned_data["note"])
    context = {"phase": "choose", "form": form, "may": bool(choices)}
    return _page(request, asked, _planned(asked), context, status=400 if form.is_bound else 200)


def _asked(request: HttpRequest, data: QueryDict) -> _Asked:
    actor = actor_of(request)
    bulk = bulk_for(actor)
    if bulk is None:
        raise Refused("forbidden_bulk", _("您的岗位不能批量交办，请一件一件打开，或联系乡镇值班台。"))
    numbers = [int(one) for one in data.getlist("m") if one.isdecimal() and len(one) <= 18]
    numbers = list(dict.fromkeys(numbers))
    if not numbers:
        raise Refused("invalid_nothing", _("还没有选事项：请回到受理台，勾选要交办的，再按“交办”。"))
    if len(numbers) > MOST_AT_ONCE:
        raise Refused(
            "invalid_too_many",
            _("一次最多交办 %(most)d 件，您选了 %(count)d 件。请分几次交办。")
            % {"most": MOST_AT_ONCE, "count": len(numbers)},
        )
    found = {matter.number: matter for matter in inbox(actor).filter(number__in=numbers)}
    if not found:
        raise Refused("not_found", _("选的事项都没有找到，或者不在您的辖区内。"))
    view = view_of(request, QueryDict(data.get("back", "")))
    matters = [found[number] for number in numbers if number in found]
    return _Asked(actor, bulk, view.now, matters, view.topics, f"{reverse('matters:queue')}?{view.query}")


def _planned(asked: _Asked, choice: str = "", note: str = "") -> dict[UUID, dict[str, object]]:
    return {
        one.matter_id: {"words": one.words, "to": one.to, "seen": one.seen, "act_id": new_id()}
        for one in asked.bulk.plan(asked.actor, asked.ids, choice, note, asked.now)
    }


def _show_plan(request: HttpRequest, asked: _Asked, choice: str, note: str) -> HttpResponse:
    planned = _planned(asked, choice, note)
    going = sum(1 for one in planned.values() if one["to"])
    context = {
        "phase": "look",
        "note": note,
        "going": going,
        "staying": len(planned) - going,
        "choice": choice,
    }
    return _page(request, asked, planned, context)


def _do(request: HttpRequest, asked: _Asked, data: QueryDict) -> HttpResponse:
    """One act each, in its own transaction: one that is refused leaves the others as they are."""
    note = data.get("note", "")
    happened: dict[UUID, dict[str, object]] = {}
    for matter in asked.matters:
        number = matter.number
        form = GivenForm(
            {
                "number": number,
                "to": data.get(f"to-{number}"),
                "act_id": data.get(f"act-{number}"),
                "seen": data.get(f"seen-{number}"),
            }
        )
        if not form.is_valid():  # it was not to go, or the form is not ours
            continue
        found = form.cleaned_data
        try:
            asked.bulk.apply(asked.actor, Given(matter.pk, found["to"], found["act_id"], found["seen"]), note)
        except Refused as refused:
            happened[matter.pk] = {"words": str(refused), "done": False}
        else:
            happened[matter.pk] = {"words": "", "done": True}
    if not happened:
        raise Refused("invalid", _("表单不完整，请刷新页面再试。"))
    done = sum(1 for one in happened.values() if one["done"])
    # as they are now, in this person's view
    now_there = {matter.pk: matter for matter in inbox(asked.actor).filter(pk__in=list(happened))}
    asked.matters = [now_there.get(pk, was) for pk, was in _by_id(asked.matters, happened)]
    context = {"phase": "done", "done": done, "refused": len(happened) - done}
    return _page(request, asked, happened, context)


def _by_id(matters: Sequence[Matter], among: dict[UUID, dict[str, object]]) -> list[tuple[UUID, Matter]]:
    return [(matter.pk, matter) for matter in matters if matter.pk in among]


def _page(
    request: HttpRequest,
    asked: _Asked,
    said: dict[UUID, dict[str, object]],
    context: dict[str, object],
    *,
    status: int = 200,
) -> HttpResponse:
    rows = [
        row | {"said": said[row["matter"].pk]}
        for row in rows_of(asked.matters, asked.topics)
        if row["matter"].pk in said
    ]
    back = asked.back.partition("?")[2]
    ticked = [matter.number for matter in asked.matters]
    again = f"{reverse('matters:assign_many')}?{urlencode([*(('m', one) for one in ticked), ('back', back)])}"
    shared = {
        "label": asked.bulk.label,
        "rows": rows,
        "total": len(rows),
        "back": asked.back,
        "back_query": back,
        "again": again,
    }
    return render(request, "matters/assign.html", shared | context, status=status)
