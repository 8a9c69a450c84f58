"""The on-call roster."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions, queries
from xiangli.territory.forms import OnCallForm
from xiangli.territory.models import Post, Unit
from xiangli.territory.pages.common import actor_of
from xiangli.web.words import deadline_words


@never_cache
@login_required
@require_GET
def on_call(request: HttpRequest) -> HttpResponse:
    """The roster of the next 14 days for the actor's units, and whether somebody is on call there tonight."""
    actor, now = actor_of(request), clock.now()
    if not actor.held:
        raise Refused("forbidden_on_call", _("值班表给在岗的人看；请先请管岗位的人任命。"))
    below = request.GET.get("below") == "1"
    shifts, page = queries.roster(actor, at=now, below=below, cursor=request.GET.get("cursor", ""))
    return render(
        request,
        "territory/on_call.html",
        {
            "now": now,
            "shifts": shifts,
            "page": page,
            "below": below,
            "nights": queries.nights(actor, at=now),
            "may_set": queries.may_set_on_call(actor),
        },
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def set_on_call(request: HttpRequest) -> HttpResponse:
    """Put somebody on call. What was wrong stands above the form, and what was typed stays in it."""
    actor = actor_of(request)
    if not queries.may_set_on_call(actor):
        raise Refused("forbidden_set_on_call", _("您的岗位不排班；请找村委会或综治中心的值班人员。"))
    choices = queries.on_call_choices(actor, at=clock.now())
    form = OnCallForm(request.POST if request.method == "POST" else None, choices=choices)
    if form.is_valid():
        unit_id, post_id = form.chosen_seat
        try:
            entries = actions.set_on_call(
                by=actor,
                unit=Unit.objects.get(pk=unit_id),
                post=Post.objects.get(pk=post_id),
                user=get_user_model()._default_manager.get(pk=form.cleaned_data["user"]),
                starts=form.cleaned_data["starts"],
                ends=form.cleaned_data["ends"],
                nights=form.cleaned_data["nights"],
            )
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            said = {
                "name": entries[0].user.display_name,
                "unit": entries[0].unit.short_name,
                "since": deadline_words(entries[0].starts, now=clock.now()),
                "until": deadline_words(entries[0].ends, now=clock.now()),
                "nights": len(entries),
            }
            words = (
                _("已排班：%(name)s，%(unit)s，%(since)s 到 %(until)s。")
                if len(entries) == 1
                else _("已排班：%(name)s，%(unit)s，%(since)s 到 %(until)s，连排 %(nights)d 晚。")
            )
            messages.success(request, words % said)
            return redirect("territory:on_call")
    return render(
        request, "territory/on_call_form.html", {"form": form}, status=400 if form.is_bound else 200
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def end_on_call(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """Ask before an entry is taken off the roster; then take it off."""
    actor, now = actor_of(request), clock.now()
    shift = queries.shift_to_end(actor, entry_id, at=now)
    if request.method == "POST":
        actions.end_on_call(by=actor, entry_id=entry_id)
        messages.success(request, _("已取消%(name)s的这个班。") % {"name": shift.name})
        return redirect("territory:on_call")
    return render(request, "territory/on_call_end.html", {"shift": shift})
