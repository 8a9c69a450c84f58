"""Pages of territory for staff."""

from __future__ import annotations

from uuid import UUID

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.accounts.sessions import fresh_required
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions, queries
from xiangli.territory.forms import OnCallForm
from xiangli.territory.models import Post, Unit
from xiangli.territory.queries import Actor
from xiangli.territory.rules import ENROL_STAFF, PRINT_PLATE
from xiangli.web.words import deadline_words


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by config.middleware.ActorMiddleware
    return actor


@never_cache
@login_required
@require_GET
def enrol_people(request: HttpRequest) -> HttpResponse:
    """The people below the actor's units, and the button that makes each one's link."""
    actor = _actor(request)
    if not any(ENROL_STAFF in held.permissions for held in actor.held):
        raise Refused("forbidden_enrol_staff", _("您的岗位不发开通链接；请找村委会或综治中心的值班人员。"))
    search = request.GET.get("q", "").strip()[:60]
    people, page = queries.people_to_enrol(
        actor, at=clock.now(), search=search, cursor=request.GET.get("cursor", "")
    )
    return render(request, "territory/enrol.html", {"people": people, "page": page, "search": search})


@never_cache
@require_POST
@fresh_required()
def issue_enrolment(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Make a person's link and show it once, as a QR code: the token is kept nowhere."""
    person, enrolment, token = actions.issue_enrolment(by=_actor(request), user_id=user_id, now=clock.now())
    link = settings.PUBLIC_URL.rstrip("/") + reverse("accounts:enrol", args=[token])
    context = {
        "person": person,
        "enrolment": enrolment,
        "link": link,
        "qr": segno.make(link, error="m").svg_data_uri(scale=4, border=2),
    }
    return render(request, "territory/enrol_link.html", context)


@never_cache
@login_required
@require_GET
def print_plate(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """The plate of a lane as it is printed, A4 or (`?size=a3`) A3: who answers, for what, on which number,
    and the QR.

    404 for a unit outside the actor's territory, without a plate, or ended: its successor's plate is the
    one to hang.
    """
    now = clock.now()
    unit = queries.unit_by_id(unit_id)
    if unit is None or unit.plate_code is None or not _actor(request).may(PRINT_PLATE, unit.path):
        raise Http404
    view = queries.plate(unit.plate_code, at=now)
    if view is None or view.old is not None:
        raise Http404
    link = settings.PUBLIC_URL.rstrip("/") + reverse(settings.PLATE_PAGE, args=[unit.plate_code])
    head = view.first
    context = {
        "view": view,
        "head": head,
        "others": [person for person in view.people if person is not head],
        "duties": queries.duties_on_plate(view),
        "link": link,
        "code": f"{unit.plate_code[:4]} {unit.plate_code[4:]}",
        "qr": segno.make(link, error="q").svg_data_uri(scale=6, border=2),
        "size": "a3" if request.GET.get("size") == "a3" else "a4",
        "printed_on": now,
    }
    return render(request, "territory/plate_print.html", context)


@never_cache
@login_required
@require_GET
def on_call(request: HttpRequest) -> HttpResponse:
    """The roster of the next 14 days for the actor's units, and whether somebody is on call there tonight."""
    actor, now = _actor(request), clock.now()
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
    actor = _actor(request)
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
    actor, now = _actor(request), clock.now()
    shift = queries.shift_to_end(actor, entry_id, at=now)
    if request.method == "POST":
        actions.end_on_call(by=actor, entry_id=entry_id)
        messages.success(request, _("已取消%(name)s的这个班。") % {"name": shift.name})
        return redirect("territory:on_call")
    return render(request, "territory/on_call_end.html", {"shift": shift})
