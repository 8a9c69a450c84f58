"""Pages of an administrator of people: who stands where, appointments, absences, duty numbers, leaving."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.kernel.sheets import plain
from xiangli.territory import actions
from xiangli.territory.forms.people import (
    SOMEBODY_NEW,
    AbsenceForm,
    AppointForm,
    DutyNumberForm,
    EndForm,
    LeaveForm,
)
from xiangli.territory.models import Appointment, Standing
from xiangli.territory.pages.common import actor_of
from xiangli.territory.queries import Actor, spoken_name, staff
from xiangli.territory.rules import appointer, day_of


def administrator(request: HttpRequest) -> Actor:
    """The actor, who appoints somewhere. Raises Refused otherwise."""
    actor = actor_of(request)
    if not staff.may_appoint(actor):
        raise Refused("forbidden_appoint_staff", _("您的岗位不管任职；请找村委会、乡镇或县里管岗位的人。"))
    return actor


@never_cache
@login_required
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """The people of the actor's units, by name; `?left=1`: those who left."""
    actor = administrator(request)
    search = plain(request.GET.get("q", "")).strip()[:60]
    left = request.GET.get("left") == "1"
    found, page = staff.people_of(
        actor, at=clock.now(), search=search, left=left, cursor=request.GET.get("cursor", "")
    )
    return render(
        request, "territory/people.html", {"people": found, "page": page, "search": search, "left": left}
    )


@never_cache
@login_required
@require_GET
def person(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """One person: posts now, to come and past, absences, and what may be done."""
    found = staff.person_of(administrator(request), user_id, at=clock.now())
    return render(request, "territory/person.html", {"person": found})


@never_cache
@login_required
@require_GET
def find_seats(request: HttpRequest) -> HttpResponse:
    """The units where the actor appoints; `?person=` carries along who is to be appointed."""
    actor = administrator(request)
    now = clock.now()
    search = plain(request.GET.get("q", "")).strip()[:60]
    units, page = staff.units_to_staff(actor, at=now, search=search, cursor=request.GET.get("cursor", ""))
    context = {"units": units, "page": page, "search": search, "for_whom": _for_whom(request, actor)}
    return render(request, "territory/seats_find.html", context)


@never_cache
@login_required
@require_GET
def seats(request: HttpRequest, unit_id: UUID) -> HttpResponse:
    """The posts of one unit: who is in them, vacancies loud."""
    actor = administrator(request)
    view = staff.seats_of(actor, unit_id, at=clock.now())
    return render(request, "territory/seats.html", {"view": view, "for_whom": _for_whom(request, actor)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def appoint(request: HttpRequest, unit_id: UUID, post_id: UUID) -> HttpResponse:
    """Appoint somebody who is there already, or somebody new. People of the same name are asked about first."""
    actor, now = administrator(request), clock.now()
    unit = staff.unit_for(actor, unit_id)
    post = staff.post_for(unit, post_id)
    if appointer(actor, unit.path) is None:
        raise Refused(
            "forbidden_own_level",
            _("本单位和上级单位的岗位由上一级任命；请联系上一级管岗位的人。"),
        )
    chosen = _for_whom(request, actor)
    deputy = request.GET.get("standing") == Standing.DEPUTY
    form = AppointForm(
        request.POST if request.method == "POST" else None,
        today=day_of(now),
        person=chosen,
        standing=Standing.DEPUTY if deputy else Standing.HOLDER,
    )
    if chosen is None and form.is_bound:
        name = plain(request.POST.get("name", "")).strip()
        same = staff.people_named(actor, name, at=now) if name else []
        if same:
            form.offer([(str(one.user.pk), _described(one)) for one in same])
    if form.is_valid():
        terms = {
            "by": actor,
            "unit": unit,
            "post": post,
            "valid_from": form.cleaned_data["since"],
            "valid_to": form.valid_to,
            "standing": form.cleaned_data["standing"],
        }
        who = form.cleaned_data.get("who", "")
        try:
            if chosen is not None:
                made = actions.appoint(user=chosen, **terms)
            elif who and who != SOMEBODY_NEW:
                made = actions.appoint(user=get_user_model()._default_manager.get(pk=who), **terms)
            else:
                made = actions.appoint_somebody_new(
                    name=form.cleaned_data["name"].strip(), username=form.cleaned_data["username"], **terms
                )
        except Refused as refused:
            _put(form, refused, {"valid_from": "since", "valid_to": "until"})
        else:
            said = {"name": made.user.display_name, "unit": spoken_name(unit), "post": staff.post_title(post)}
            messages.success(request, _("已任命：%(name)s，%(unit)s %(post)s。") % said)
            return redirect("territory:person", made.user_id)
    context = {
        "form": form,
        "unit": unit,
        "place": spoken_name(unit),
        "post": staff.post_title(post),
        "chosen": chosen,
    }
    return render(request, "territory/appoint.html", context, status=400 if form.is_bound else 200)


def _described(one: staff.Listed) -> str:
    posts = "、".join(f"{place} {post}" for place, post, _deputy in one.posts)
    return f"{one.user.display_name}（{posts or _('现在没有任职')}）"


def _put(
    form: AppointForm | EndForm | LeaveForm | AbsenceForm | DutyNumberForm,
    refused: Refused,
    names: dict[str, str],
) -> None:
    """A refusal beside the field it speaks of."""
    field = refused.field or ""
    field = names.get(field, field)
    form.add_error(field if field in form.fields else None, str(refused))


def _for_whom(request: HttpRequest, actor: Actor) -> object | None:
    """Who is to be appointed, carried from page to page; None: not chosen yet."""
    try:
        chosen = UUID(request.GET.get("person", ""))
    except ValueError:
        return None
    user: object = staff.person_of(actor, chosen, at=clock.now()).user
    return user


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def end_appointment(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Ask for the last day of one appointment; then end it."""
    actor, now = administrator(request), clock.now()
    row = _changeable(actor, appointment_id)
    form = EndForm(request.POST if request.method == "POST" else None, today=day_of(now))
    if form.is_valid():
        try:
            actions.end_appointment(by=actor, appointment=row, on=form.on)
        except Refused as refused:
            _put(form, refused, {"on": "last", "valid_to": "last"})
        else:
            messages.success(
                request,
                _("%(name)s的这项任职到 %(day)s 为止。")
                % {"name": row.user.display_name, "day": form.cleaned_data["last"]},
            )
            return redirect("territory:person", row.user_id)
    context = {"form": form, "row": row, "place": spoken_name(row.unit), "post": staff.post_title(row.post)}
    return render(request, "territory/end_appointment.html", context, status=400 if form.is_bound else 200)


def _changeable(actor: Actor, appointment_id: UUID) -> Appointment:
    row = staff.appointment_for(actor, appointment_id)
    if row.user_id == actor.user_id or appointer(actor, row.unit.path) is None:
        raise Refused(
            "forbidden_own_level",
            _("自己的任职，和本单位、上级单位的任职，由上一级管；请联系上一级管岗位的人。"),
        )
    return row


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def record_absence(request: HttpRequest, appointment_id: UUID) -> HttpResponse:
    """Say that somebody is away, or will be: the deputy answers meanwhile, else the level above."""
    actor = administrator(request)
    row = staff.appointment_for(actor, appointment_id)
    form = AbsenceForm(request.POST if request.method == "POST" else None, initial={"starts": clock.now()})
    if form.is_valid():
        try:
            actions.record_absence(
                by=actor, appointment=row, starts=form.cleaned_data["starts"], ends=form.cleaned_data["ends"]
            )
        except Refused as refused:
            _put(form, refused, {})
        else:
            messages.success(request, _("已登记%(name)s外出。") % {"name": row.user.display_name})
            return redirect("territory:person", row.user_id)
    context = {
        "form": form,
        "row": row,
        "place": spoken_name(row.unit),
        "post": staff.post_title(row.post),
        "covered": Appointment.objects.filter(
            unit=row.unit, post=row.post, standing=Standing.DEPUTY, user__is_active=True
        )
        .exclude(user=row.user_id)
        .exclude(valid_to__lte=day_of(clock.now()))
        .exists(),
    }
    return render(request, "territory/absence.html", context, status=400 if form.is_bound else 200)


@never_cache
@login_required
@require_POST
def end_absence(request: HttpRequest, absence_id: UUID) -> HttpResponse:
    """Somebody is back."""
    actor = administrator(request)
    absence = staff.absence_for(actor, absence_id)
    actions.end_absence(by=actor, absence=absence)
    messages.success(request, _("%(name)s已销假。") % {"name": absence.appointment.user.display_name})
    return redirect("territory:person", absence.appointment.user_id)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def set_duty_number(request: HttpRequest, unit_id: UUID, post_id: UUID) -> HttpResponse:
    """The duty number of a post, which stands on the plate."""
    actor = administrator(request)
    unit = staff.unit_for(actor, unit_id)
    post = staff.post_for(unit, post_id)
    known = unit.duty_numbers.filter(post=post).values_list("phone", flat=True).first() or ""
    form = DutyNumberForm(request.POST if request.method == "POST" else None, initial={"phone": known})
    if form.is_valid():
        try:
            actions.set_duty_number(by=actor, unit=unit, post=post, phone=form.cleaned_data["phone"].strip())
        except Refused as refused:
            _put(form, refused, {})
        else:
            messages.success(request, _("已改值班电话；印好的公示牌请重印。"))
            return redirect("territory:seats", unit.pk)
    context = {"form": form, "unit": unit, "place": spoken_name(unit), "post": staff.post_title(post)}
    return render(request, "territory/duty_number.html", context, status=400 if form.is_bound else 200)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def off_board(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Somebody leaves: first what that touches, then it is done."""
    actor, now = administrator(request), clock.now()
    found = staff.person_of(actor, user_id, at=now)
    if found.oneself or not found.may_leave:
        raise Refused(
            "forbidden_own_level",
            _("自己不能给自己办离岗；兼有上级或外单位岗位的人，请上一级管岗位的人办理。"),
        )
    asked = request.POST if request.method == "POST" else request.GET if "last" in request.GET else None
    form = LeaveForm(asked, today=day_of(now))
    leaving = None
    if form.is_valid():
        try:
            if request.method == "POST":
                actions.off_board(by=actor, user=found.user, on=form.on, close=form.cleaned_data["close"])
                said = {"name": found.user.display_name, "day": form.cleaned_data["last"]}
                messages.success(request, _("已办离岗：%(name)s在岗到 %(day)s 为止。") % said)
                return redirect(reverse("territory:person", args=[user_id]))
            leaving = actions.preview_leaving(by=actor, user=found.user, on=form.on)
        except Refused as refused:
            _put(form, refused, {"on": "last"})
    context = {
        "person": found,
        "form": form,
        "leaving": leaving,
        "posts": [
            (spoken_name(post.unit), staff.post_title(post.post))
            for post in (leaving.posts if leaving else ())
        ],
        "later": form.is_bound and form.is_valid() and form.on > day_of(now),
    }
    return render(request, "territory/off_board.html", context, status=400 if form.errors else 200)
