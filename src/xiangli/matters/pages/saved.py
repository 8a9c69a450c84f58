"""Filters kept under a name."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions
from xiangli.matters.forms import FilterNameForm, SaveFilterForm
from xiangli.matters.models import SavedFilter
from xiangli.matters.pages.common import actor_of
from xiangli.matters.pages.view import view_of
from xiangli.web.staff import staff_only


@require_GET
@staff_only
def filters(request: HttpRequest) -> HttpResponse:
    """One's own kept filters: open, rename, delete."""
    return _page(request)


@require_POST
@staff_only
def save_filter(request: HttpRequest) -> HttpResponseBase:
    """Keep the choice that the form brings along, and go back to it."""
    form = SaveFilterForm(request.POST)
    if not form.is_valid():
        return _page(request, refused=_first(form), status=400)
    query = view_of(request, QueryDict(form.cleaned_data["query"])).query  # as we would write it ourselves
    try:
        actions.save_filter(
            user_id=_me(request), name=form.cleaned_data["name"], query=query, now=clock.now()
        )
    except Refused as refused:
        return _page(request, refused=refused, status=409)
    messages.success(request, _("已保存筛选“%(name)s”。") % {"name": form.cleaned_data["name"]})
    return redirect(f"{reverse('matters:queue')}?{query}")


@require_POST
@staff_only
def rename_filter(request: HttpRequest, filter_id: UUID) -> HttpResponseBase:
    form = FilterNameForm(request.POST)
    if not form.is_valid():
        return _page(request, refused=_first(form), tried=filter_id, status=400)
    try:
        actions.rename_filter(user_id=_me(request), filter_id=filter_id, name=form.cleaned_data["name"])
    except Refused as refused:
        if refused.code == "not_found":
            raise
        return _page(request, refused=refused, tried=filter_id, status=409)
    messages.success(request, _("已改名为“%(name)s”。") % {"name": form.cleaned_data["name"]})
    return redirect("matters:filters")


@require_POST
@staff_only
def delete_filter(request: HttpRequest, filter_id: UUID) -> HttpResponseBase:
    actions.delete_filter(user_id=_me(request), filter_id=filter_id)
    messages.success(request, _("已删除这个筛选；事项都还在。"))
    return redirect("matters:filters")


def _me(request: HttpRequest) -> UUID:
    me = actor_of(request).user_id
    assert me is not None  # whoever holds a post has signed in
    return me


def _first(form: FilterNameForm) -> Refused:
    return Refused("invalid", str(next(iter(form.errors.values()))[0]), field="name")


def _page(
    request: HttpRequest, *, refused: Refused | None = None, tried: UUID | None = None, status: int = 200
) -> HttpResponse:
    kept = SavedFilter.objects.filter(user=_me(request)).order_by("name")
    rows = [
        {
            "filter": one,
            "form": FilterNameForm(initial={"name": one.name}, auto_id=f"%s-{one.pk}"),
            "tried": one.pk == tried,
        }
        for one in kept
    ]
    context = {"rows": rows, "refused": refused}
    return render(request, "matters/filters.html", context, status=status)
