"""A resident's pages: the plate, the report, the receipt, the track. No account; a form's own id makes
sending twice the same as once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.accounts.sessions import client_address
from xiangli.cases import actions, queries, rules
from xiangli.cases.forms import (
    CodeForm,
    ComplaintForm,
    MeTooForm,
    PlateForm,
    ReporterActForm,
    ReportForm,
    give_fresh_id,
    kept_ids,
)
from xiangli.cases.models import Case
from xiangli.cases.pages.danger import danger_box
from xiangli.cases.pages.photos import picture, shown, store_photos
from xiangli.cases.queries.nets import name_of_level, settled_in
from xiangli.cases.states import Channel, Intake, State
from xiangli.kernel import clock, throttle
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.matters.queries import Happened, history, matter_of_code, not_found, photo_of
from xiangli.matters.rules import clean_code, group_code
from xiangli.matters.states import PhotoRole, Visibility
from xiangli.notices.queries import texts_reporters
from xiangli.territory.models import Unit
from xiangli.territory.queries import PlateView, plate, plate_unit, ring_of, spoken_name, unit_of_point

COMPLAINT = "service_complaint"


def _plate(code: str, *, at: datetime) -> PlateView:
    view = plate(code, at=at)
    if view is None:
        raise Refused("not_found_plate", _("没有这块公示牌。请对照牌上的编号，或拨打 12345。"))
    return view


@require_http_methods(["GET", "POST"])
def home(request: HttpRequest) -> HttpResponseBase:
    """The front door: the number on a plate, the code of a receipt, the way in for staff."""
    form = PlateForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            view = plate(form.cleaned_data["plate"], at=clock.now())
            if view is not None:
                return redirect("cases:plate", (view.old or view.unit).plate_code or "")
            form.add_error("plate", _("没有这块公示牌。请对照牌上的编号，或拨打 12345。"))
    return render(request, "cases/home.html", {"form": form, "code_form": CodeForm()}, status=status)


@require_GET
def show_plate(request: HttpRequest, plate_code: str) -> HttpResponse:
    """Who answers here, on which duty number, and what is already reported."""
    return _plate_page(request, plate_code)


def _plate_page(
    request: HttpRequest,
    plate_code: str,
    *,
    me_too: MeTooForm | None = None,
    about: UUID | None = None,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    """The plate; with `me_too`, what was typed beside the matter it is `about`, and what is wrong with it."""
    view = _plate(plate_code, at=clock.now())
    if view.old and view.choices:
        return render(request, "cases/plate_choices.html", {"view": view})
    neighbours = queries.neighbours(view.unit.path)
    return render(
        request,
        "cases/plate.html",
        {
            "view": view,
            "code": view.unit.plate_code,
            "place": spoken_name(view.unit),
            "neighbours": neighbours,
            "texts": bool(neighbours) and texts_reporters(view.unit.county_id),
            "typed": {"about": about, "phone": me_too.data.get("phone", ""), "error": error}
            if me_too
            else {},
            "english": queries.in_english(),
            "complaint_url": reverse("cases:complain", args=[view.unit.plate_code]),
        },
        status=status,
    )


@require_http_methods(["GET", "POST"])
@never_cache
def report(request: HttpRequest, plate_code: str) -> HttpResponseBase:
    """One page: what, where, who."""
    if request.method == "GET":
        view = _plate(plate_code, at=clock.now())
        if view.old:
            return redirect("cases:plate", view.unit.plate_code or plate_code)
        form = ReportForm(initial={"client_id": new_id(), "category": request.GET.get("category", "")})
        return _report_page(request, form, view.unit, view=view)
    return _send_report(request, plate_code)


def _send_report(request: HttpRequest, plate_code: str) -> HttpResponseBase:
    now = clock.now()
    unit = plate_unit(plate_code, at=now)
    if unit is None:
        # An old plate whose village split: the person must choose first. Nothing typed is lost, the
        # browser keeps the page behind.
        return redirect("cases:plate", plate_code)
    form = ReportForm(request.POST, request.FILES)
    fine = form.is_valid()
    kept = kept_ids(form.data.get("kept", ""))
    try:
        _slow_down("report", unit, now)  # before any work on pictures
    except Refused as refused:
        return _sent_already(form) or _refuse(request, form, refused, unit, kept=form.data.get("kept", ""))
    scope = unit.county_id or unit.pk
    stored = store_photos(form.cleaned_data.get("photos") or [], scope=scope, kept=kept)
    for error in stored.errors:
        form.add_error("photos", error)
    if not fine or stored.errors:
        return _report_page(request, form, unit, kept=stored.kept, status=400)
    data = form.cleaned_data
    try:
        found = queries.category_with_limits(data["category"], on=now)
        if found is None or found[0].code == COMPLAINT:
            raise Refused("category_unknown", _("请选一类；不知道归哪类就选“其他情况”。"), field="category")
        place, off_map = unit, False
        point = rules.photo_point(stored.places, near=(unit.lat, unit.lng))
        if data["lat"] is not None and data["lng"] is not None:
            point = (data["lat"], data["lng"])
            # Of the plate's own county: a pin elsewhere is a slip, and photos are stored for this county.
            place, off_map = unit_of_point(*point, county=unit.county, at=now) or (unit, True)
        receipted = actions.report_case(
            actions.Report(
                client_id=data["client_id"],
                category=found[0],
                limits=found[1],
                words=data["words"],
                place=place,
                place_name=spoken_name(place),
                channel=Channel.PLATE,
                point=point,
                off_map=off_map,
                place_note=data["place_note"],
                contact_name=data["name"],
                contact_phone=data["phone"],
                photos=stored.photos,
            )
        )
    except Refused as refused:
        return _refuse(request, form, refused, unit, kept=stored.kept)
    return redirect("cases:receipt", receipted.code)


def _slow_down(what: str, unit: Unit, now: datetime) -> None:
    """A flood from one place is slowed; what was typed stays on the page, and the telephone is shown. Each
    kind is counted by itself: nobody keeps complaints away by pressing something else."""
    if throttle.bump(f"cases.flood.{what}", str(unit.pk), window=rules.FLOOD_WINDOW, now=now) > rules.FLOOD:
        raise Refused(
            "throttled",
            _("这里刚刚收到很多条反映，请过十分钟再发一次（您写的都还在），急事请直接拨打值班电话。"),
        )


def _sent_already(form: ReportForm | ComplaintForm) -> HttpResponse | None:
    """The receipt of what already stands, also in a flood: the answer may have been lost on the way."""
    client_id, words = form.cleaned_data.get("client_id"), form.cleaned_data.get("words")
    try:
        known = actions.sent_before(client_id, words) if client_id and words else None
    except Refused:
        return None
    return redirect("cases:receipt", known.code) if known else None


def _refuse(request: HttpRequest, form: Any, refused: Refused, unit: Unit, *, kept: str = "") -> HttpResponse:
    field = refused.field if refused.field in form.fields else None
    if refused.code == "sent_before":
        give_fresh_id(form)
    form.add_error(field, str(refused.reason))
    status = 429 if refused.code == "throttled" else 409 if field is None else 400
    if isinstance(form, ComplaintForm):
        return _complaint_page(request, form, unit, status=status)
    return _report_page(request, form, unit, kept=kept, status=status)


def _report_page(
    request: HttpRequest,
    form: ReportForm,
    unit: Unit,
    *,
    view: PlateView | None = None,
    kept: str = "",
    status: int = 200,
) -> HttpResponse:
    view = view or _plate(unit.plate_code or "", at=clock.now())
    categories = queries.categories()
    open_ones = [row for row in categories if row.intake == Intake.OPEN and row.code != COMPLAINT]
    closed = [row for row in categories if row.intake != Intake.OPEN]
    numbers = queries.hotlines()
    neighbours = queries.neighbours(unit.path, limit=5)
    return render(
        request,
        "cases/report.html",
        {
            "form": form,
            "view": view,
            "code": unit.plate_code,
            "place": spoken_name(unit),
            "categories": open_ones,
            "closed": [
                (row, [numbers[number] for number in row.hotlines if number in numbers]) for row in closed
            ],
            "chosen": form.data.get("category") or form.initial.get("category") or "",
            "neighbours": neighbours,
            "texts": bool(neighbours) and texts_reporters(unit.county_id),
            "english": queries.in_english(),
            "kept": kept,
            "kept_count": len(kept_ids(kept)),
            "complaint_url": reverse("cases:complain", args=[unit.plate_code]),
            "ring": json.dumps(ring_of(unit)),
            **danger_box(form["words"].value()),
        },
        status=status,
    )


@require_http_methods(["GET", "POST"])
@never_cache
def complain(request: HttpRequest, plate_code: str) -> HttpResponseBase:
    """A complaint about the service of those who answer here: private, never to or through them."""
    now = clock.now()
    unit = plate_unit(plate_code, at=now)
    if unit is None:
        return redirect("cases:plate", plate_code)
    if request.method == "GET":
        return _complaint_page(request, ComplaintForm(initial={"client_id": new_id()}), unit)
    form = ComplaintForm(request.POST)
    if not form.is_valid():
        return _complaint_page(request, form, unit, status=400)
    found = queries.category_with_limits(COMPLAINT, on=now)
    if found is None:
        raise not_found()
    data = form.cleaned_data
    try:
        _slow_down("complaint", unit, now)
        receipted = actions.report_case(
            actions.Report(
                client_id=data["client_id"],
                category=found[0],
                limits=found[1],
                words=data["words"],
                place=unit,
                place_name=spoken_name(unit),
                channel=Channel.PLATE,
                contact_name=data["name"],
                contact_phone=data["phone"],
            )
        )
    except Refused as refused:
        already = _sent_already(form) if refused.code == "throttled" else None
        return already or _refuse(request, form, refused, unit)
    return redirect("cases:receipt", receipted.code)


def _complaint_page(
    request: HttpRequest, form: ComplaintForm, unit: Unit, *, status: int = 200
) -> HttpResponse:
    county = getattr(unit.county, "profile", None)
    context = {"form": form, "unit": unit, "place": spoken_name(unit), "county": county}
    context |= danger_box(form["words"].value())
    return render(request, "cases/complain.html", context, status=status)


@require_POST
def me_too(request: HttpRequest, plate_code: str, matter_id: UUID) -> HttpResponse:
    """“I saw it too”, on a matter of this plate."""
    now = clock.now()
    unit = plate_unit(plate_code, at=now)
    if unit is None:
        raise not_found()
    form = MeTooForm(request.POST)
    if not form.is_valid():
        if "client_id" in form.errors:
            raise Refused("invalid_form", _("表单编号不对，请刷新页面再试。"))
        error = str(form.errors["phone"][0])
        return _plate_page(request, plate_code, me_too=form, about=matter_id, error=error, status=400)
    _slow_down("me_too", unit, now)
    data = form.cleaned_data
    count = actions.say_me_too(
        matter_id, place_path=unit.path, client_id=data["client_id"], phone=data["phone"]
    )
    messages.success(
        request, _("已记下，现在有 %(count)s 人反映这件事。不用再报一次。") % {"count": count + 1}
    )
    return redirect("cases:plate", plate_code)


# ---------------------------------------------------------------------------------------------------------- receipt and track


@require_http_methods(["GET", "POST"])
@never_cache
def find(request: HttpRequest) -> HttpResponseBase:
    """Where a query code is typed in."""
    form = CodeForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                matter_of_code(form.cleaned_data["code"], address=client_address(request), now=clock.now())
            except Refused as refused:
                form.add_error("code", str(refused.reason))
                status = 429 if refused.code == "throttled" else 404 if refused.code == "not_found" else 400
            else:
                return redirect("cases:track", clean_code(form.cleaned_data["code"]))
    return render(request, "cases/find.html", {"form": form}, status=status)


def _matter(request: HttpRequest, code: str) -> Matter:
    return matter_of_code(code, address=client_address(request), now=clock.now())


@require_GET
@never_cache
def receipt(request: HttpRequest, code: str) -> HttpResponse:
    """What the reporter keeps: the code, its QR, what happens next and by when."""
    matter = _matter(request, code)
    address = settings.PUBLIC_URL + reverse("cases:track", args=[code])
    qr = segno.make(address, error="m").svg_data_uri(scale=5, border=2)
    case = Case.objects.get(pk=matter.pk)
    happened = history(matter)
    found = queries.standing(matter, case, happened)
    return render(
        request,
        "cases/receipt.html",
        {
            "matter": matter,
            "code": code,
            "grouped": group_code(code),
            "qr": qr,
            "address": address,
            "holder": found.holder,
            "outside": found.holder.outside,
            "sentence": found.sentence,
            **danger_box(_told(matter, happened)),
        },
    )


def _told(matter: Matter, happened: Sequence[Happened]) -> str:
    """The words of the report; nothing of a sealed one, which shows on a shared phone what it is about."""
    return "" if matter.visibility == Visibility.SEALED else str(happened[0].words.get("words", ""))


@require_GET
@never_cache
def track(request: HttpRequest, code: str) -> HttpResponse:
    """How the matter stands, for whoever holds the receipt."""
    return _track_page(request, code, _matter(request, code))


def _track_page(
    request: HttpRequest,
    code: str,
    matter: Matter,
    *,
    error: Refused | None = None,
    form: ReporterActForm | None = None,
) -> HttpResponse:
    named = Case.objects.annotate(settled_name=name_of_level("matter__county_id", "settled_level"))
    case = named.select_related("category").get(pk=matter.pk)
    photos = list(MatterPhoto.objects.filter(matter=matter).order_by("event", "position"))
    pictures = shown(photos, lambda photo: reverse("cases:track_photo", args=[code, photo.pk]))
    happened = history(matter)
    return render(
        request,
        "cases/track.html",
        {
            "matter": matter,
            "case": case,
            "code": code,
            "category": case.category.name_en if queries.in_english() else case.category.name,
            "settled": settled_in(case.settled_name, case.settled_level),
            "stands": queries.standing(matter, case, happened),
            "entries": queries.timeline(happened, pictures, for_reporter=True),
            "before": next((p for p in pictures if p["role"] in (PhotoRole.BEFORE, PhotoRole.REPORT)), None),
            "after": next((p for p in reversed(pictures) if p["role"] == PhotoRole.AFTER), None),
            "act_id": new_id(),
            "error": error,
            "typed": form.data if form else {},
        },
        status=409 if error else 200,
    )


_THANKS = {
    "confirm_case": lambda: _("谢谢您的确认，这件事办结了。"),
    "reopen_case": lambda: _("已经退回重办，会有人接着处理。"),
    "evaluate_case": lambda: _("谢谢您的评价。"),
    "nudge_case": lambda: _("已经替您催了，承办人会收到。"),
    "withdraw_case": lambda: _("已撤回。"),
}


@require_POST
def track_act(request: HttpRequest, code: str, action: str) -> HttpResponse:
    """Confirm, reopen, evaluate, nudge or withdraw, by the receipt."""
    matter = _matter(request, code)
    form = ReporterActForm(request.POST)
    if action not in _THANKS:
        raise not_found()
    if not form.is_valid():
        return _track_page(
            request, code, matter, error=Refused("invalid", _("表单不完整，请刷新页面再试。")), form=form
        )
    data = form.cleaned_data
    code = clean_code(code)
    try:
        if action == "confirm_case":
            actions.confirm_case(code, act_id=data["act_id"])
        elif action == "reopen_case":
            actions.reopen_case(code, act_id=data["act_id"], note=data["note"])
        elif action == "evaluate_case":
            actions.evaluate_case(code, act_id=data["act_id"], note=data["note"], rating=data["rating"])
        elif action == "nudge_case":
            actions.nudge_case(code, act_id=data["act_id"], note=data["note"])
        else:
            actions.withdraw_case(code, act_id=data["act_id"], note=data["note"])
    except Refused as refused:
        return _track_page(request, code, _matter(request, code), error=refused, form=form)
    declined = action == "reopen_case" and matter.state == State.DECLINED
    messages.success(request, _("已经请上一级再看，有了结果写在下面。") if declined else _THANKS[action]())
    return HttpResponseRedirect(reverse("cases:track", args=[code]))


@require_GET
@never_cache  # phones are shared
def track_photo(request: HttpRequest, code: str, photo_id: UUID) -> HttpResponseBase:
    """A photo of the matter, for the holder of its receipt."""
    return picture(photo_of(_matter(request, code), photo_id), thumbnail=request.GET.get("size") == "s")
