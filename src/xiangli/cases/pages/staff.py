"""Pages of those who answer: my tasks, the merged inbox, one case with only the actions this person may take
now."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.forms.utils import flatatt
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.accounts.sessions import fresh_required
from xiangli.cases import actions, queries, rules
from xiangli.cases.forms import PHOTO_ATTRS, ActForm, ReportForm, give_fresh_id, kept_ids
from xiangli.cases.models import Case
from xiangli.cases.pages.danger import danger_box
from xiangli.cases.pages.photos import Stored, picture, shown, store_photos
from xiangli.cases.states import ASSIGN_CASE, REPORT_CASE, REVEAL_CONTACT, TABLE, Channel, Intake, State
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterPhoto
from xiangli.matters.queries import history, inbox, my_tasks, not_found, photo_for, seats_on, subject_places
from xiangli.matters.rules import authority_over
from xiangli.matters.states import PhotoRole, Visibility
from xiangli.territory.queries import plated_units, seats_under, spoken_name
from xiangli.territory.rules import Actor
from xiangli.web.paging import paginate

PAGE = 100
OPEN_ORDER = ("due_at", "id")
# Closing is a matter's last change, so this is the order of closing; `closed_at` itself may be NULL and cannot page by key.
CLOSED_ORDER = ("-changed_at", "-id")

_Page = Callable[..., HttpResponseBase]


def staff_only(page: _Page) -> _Page:
    """A page for people who hold a post: others are asked to sign in, or told that they hold none."""

    @login_required
    @never_cache
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not actor_of(request).held:
            raise Refused("forbidden_no_post", _("您现在没有担任岗位，所以看不到事项。请联系村里或乡镇。"))
        return page(request, *args, **kwargs)

    return guarded


def actor_of(request: HttpRequest) -> Actor:
    found: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    return found


def _shell(actor: Actor) -> str:
    """Who gives work to others sits at a desk; who does it holds a phone."""
    return (
        "web/desk.html" if any(ASSIGN_CASE in held.permissions for held in actor.held) else "web/field.html"
    )


@require_GET
@staff_only
def tasks(request: HttpRequest) -> HttpResponse:
    """待办: what waits for me, the most pressing first."""
    actor, cursor = actor_of(request), request.GET.get("cursor", "")
    first = MatterPhoto.objects.filter(matter=OuterRef("pk")).order_by("event", "position")
    waiting = my_tasks(actor).annotate(first_photo=Subquery(first.values("pk")[:1]))
    page = paginate(waiting, order=OPEN_ORDER, cursor=cursor, size=PAGE)
    return render(
        request, "cases/tasks.html", {"page": page, "rows": _rows(page.items), "shell": _shell(actor)}
    )


@require_GET
@staff_only
def desk(request: HttpRequest) -> HttpResponse:
    """The merged inbox of every post this person holds; filters stand in the address."""
    actor, cursor = actor_of(request), request.GET.get("cursor", "")
    chosen = request.GET.get("state", "open")
    rows = inbox(actor)
    if chosen == "closed":
        page = paginate(rows.exclude(closed_at=None), order=CLOSED_ORDER, cursor=cursor, size=PAGE)
    else:
        rows = rows.open()
        if chosen in State.values:
            rows = rows.filter(state=chosen)
        page = paginate(rows, order=OPEN_ORDER, cursor=cursor, size=PAGE)
    filters = [
        ("open", _("未办结")),
        *[(state.value, state.label) for state in _OPEN],
        ("closed", _("已结束")),
    ]
    return render(
        request,
        "cases/desk.html",
        {
            "page": page,
            "rows": _rows(page.items),
            "chosen": chosen,
            "filters": filters,
            "shell": _shell(actor),
        },
    )


_OPEN = (State.REPORTED, State.ASSIGNED, State.IN_PROGRESS, State.TO_VERIFY, State.RESOLVED)


def _rows(matters: list[Matter]) -> list[dict[str, Any]]:
    """What a list shows of each matter; the labels of all topics are one statement."""
    topics = queries.topic_labels() if matters else {}
    return [
        {
            "matter": matter,
            "topic": topics.get(matter.topic, matter.topic),
            "label": State(matter.state).label,
            "who": matter.handler.display_name
            if matter.handler
            else (_post_name(matter.holder_post) if matter.holder_post else _("县外机构")),
        }
        for matter in matters
    ]


def _post_name(post: Any) -> str:
    return str(post.name_en if queries.in_english() else post.name)


@require_GET
@staff_only
def case(request: HttpRequest, matter_id: UUID) -> HttpResponse:
    """One case: facts, timeline, and only the actions that this person may take now."""
    return _case_page(request, matter_id)


def _case_page(
    request: HttpRequest,
    matter_id: UUID,
    *,
    error: Refused | None = None,
    action: str = "",
    form: ActForm | None = None,
    kept: tuple[str, str] = ("", ""),
    contact: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    matter = (
        Matter.objects.visible_to(actor)
        .select_related(
            "case__category",
            "case__reported_by",
            "receipt",
            "handler",
            "holder_unit",
            "holder_post",
            "county",
        )
        .filter(pk=matter_id, workflow="case")
        .first()
    )
    if matter is None:
        raise not_found()
    record: Case = matter.case
    photos = list(MatterPhoto.objects.filter(matter=matter).order_by("event", "position"))
    pictures = shown(photos, lambda photo: reverse("cases:photo", args=[photo.pk]))
    places = subject_places(matter, at=clock.now())
    seats, subjects, ordinary = seats_on(matter), set(places), matter.visibility == Visibility.ORDINARY

    def authority(permission: str) -> Any:
        return authority_over(
            actor,
            permission,
            place_path=matter.place_path,
            ordinary=ordinary,
            seats=seats,
            is_subject=actor.user_id in subjects,
        )

    offered: list[dict[str, Any]] = []
    for row in TABLE.from_state(matter.state):
        held = authority(row.permission) if row.permission else None
        if held is None or not _fits(row.action, matter, record, actor):
            continue
        targets = []
        if row.action == "assign_case":
            targets = [
                seat
                for seat in seats_under(held.unit_path, near=matter.place_path, at=clock.now())
                if rules.is_free_of_subjects(
                    {seat.user_id} if seat.user_id else (),
                    seat.unit_path,
                    subjects=subjects,
                    subject_paths=set().union(*places.values()),
                )
            ]
        offered.append(
            {
                "row": row,
                "act_id": new_id(),
                "targets": targets,
                "photos": row.action in ("resolve_case", "handle_on_spot"),
                "evidence": record.category.evidence,
                "open": row.action == action,
            }
        )
    # What puts a matter right comes first and stands open; sending it back comes last.
    offered.sort(key=lambda offer: offer["row"].action == "return_case")
    entries = queries.timeline(history(matter), pictures, for_reporter=False)
    after = next((p for p in reversed(pictures) if p["role"] == PhotoRole.AFTER), None)
    return render(
        request,
        "cases/case.html",
        {
            "shell": _shell(actor),
            "matter": matter,
            "holder_post": _post_name(matter.holder_post) if matter.holder_post else "",
            "case": record,
            "category": record.category.name_en if queries.in_english() else record.category.name,
            "state_label": State(matter.state).label,
            # What was reported stands on top; the timeline does not say it again.
            "words": entries[0]["words"],
            "entries": [
                {**entries[0], "words": "", "photos": entries[0]["photos"] if after else []},
                *entries[1:],
            ],
            "photo_attrs": flatatt({**PHOTO_ATTRS, "multiple": True}),
            "pictures": pictures,
            "before": next((p for p in pictures if p["role"] in (PhotoRole.BEFORE, PhotoRole.REPORT)), None),
            "after": after,
            "offered": offered,
            "error": error,
            "typed": form.data if form else {},
            "kept_before": kept[0],
            "kept_after": kept[1],
            "has_contact": matter.receipt.contact is not None,
            "may_reveal": authority(REVEAL_CONTACT) is not None,
            "reveal_id": new_id(),
            "contact": contact,
        },
        status=status,
    )


def _fits(action: str, matter: Matter, record: Case, actor: Actor) -> bool:
    """Whether an action's button shows: the boolean twin of the checks that the action itself makes."""
    if action in ("resolve_case", "return_case"):
        return matter.handler_id in (None, actor.user_id)
    if action == "verify_case":
        return actor.user_id not in (record.resolved_by_id, matter.handler_id)
    return True


_DONE = {
    "assign_case": lambda: _("已交办。"),
    "take_case": lambda: _("已接单，由您办理。"),
    "return_case": lambda: _("已退回。"),
    "resolve_case": lambda: _("已记为处理完成。"),
    "handle_on_spot": lambda: _("已记为当场处理。"),
    "verify_case": lambda: _("核查结果已记下。"),
    "close_case": lambda: _("已办结，反映人会看到您的反馈。"),
}


@require_POST
@staff_only
def act(request: HttpRequest, matter_id: UUID, action: str) -> HttpResponseBase:
    """One act of staff, by the name of its action."""
    actor = actor_of(request)
    if action not in _DONE:
        raise not_found()
    form = ActForm(request.POST, request.FILES)
    before, after = Stored(), Stored()
    if not form.is_valid():
        return _case_page(
            request,
            matter_id,
            error=Refused("invalid", _("表单不完整，请刷新页面再试。")),
            action=action,
            form=form,
            status=400,
        )
    data = form.cleaned_data
    if data["before"] or data["after"] or request.POST.get("kept_before") or request.POST.get("kept_after"):
        # The fence before any work on pictures: nobody stores files on a matter they cannot see.
        scope = (
            Matter.objects.visible_to(actor).filter(pk=matter_id).values_list("county_id", flat=True).first()
        )
        if scope is None:
            raise not_found()
        before = store_photos(data["before"], scope=scope, kept=kept_ids(request.POST.get("kept_before", "")))
        after = store_photos(data["after"], scope=scope, kept=kept_ids(request.POST.get("kept_after", "")))
    kept = (before.kept, after.kept)
    if before.errors or after.errors:
        error = Refused("photo", " ".join([*before.errors, *after.errors]))
        return _case_page(request, matter_id, error=error, action=action, form=form, kept=kept, status=400)
    the_act = actions.Act(
        actor=actor,
        matter_id=matter_id,
        act_id=data["act_id"],
        note=data["note"],
        seen=data["seen"],
        photos_before=before.photos,
        photos_after=after.photos,
    )
    try:
        if action == "assign_case":
            unit, _colon, post = (data["seat"] or "").partition(":")
            if not unit:
                raise Refused("seat_missing", _("请选由谁办理。"), field="seat")
            actions.assign_case(the_act, unit_id=UUID(unit), post_id=UUID(post))
        elif action == "verify_case":
            if data["passed"] is None:
                raise Refused("passed_missing", _("请选核查是否通过。"), field="passed")
            actions.verify_case(the_act, passed=data["passed"])
        else:
            getattr(actions, action)(the_act)
    except Refused as refused:
        if refused.code == "not_found":
            raise
        return _case_page(request, matter_id, error=refused, action=action, form=form, kept=kept, status=409)
    messages.success(request, _DONE[action]())
    if Matter.objects.visible_to(actor).filter(pk=matter_id).exists():
        return redirect("cases:case", matter_id)
    return redirect("cases:tasks")


@require_http_methods(["GET", "POST"])
@staff_only
@fresh_required(minutes=5)
def reveal(request: HttpRequest, matter_id: UUID) -> HttpResponseBase:
    """The reporter's contact, at the town, for a reason; shown once, on the answer to this very form."""
    if request.method == "GET":
        return redirect("cases:case", matter_id)  # back from giving the PIN: the reason is asked again
    form = ActForm(request.POST)
    if not form.is_valid():
        return _case_page(
            request, matter_id, error=Refused("invalid", _("表单不完整，请刷新页面再试。")), status=400
        )
    data = form.cleaned_data
    try:
        contact = actions.reveal_contact(
            actions.Act(
                actor=actor_of(request), matter_id=matter_id, act_id=data["act_id"], note=data["note"]
            )
        )
    except Refused as refused:
        if refused.code == "not_found":
            raise
        return _case_page(request, matter_id, error=refused, action="reveal_contact", form=form, status=409)
    return _case_page(request, matter_id, contact=contact)


@require_GET
@staff_only
def photo(request: HttpRequest, photo_id: UUID) -> HttpResponseBase:
    """A photo of a matter that the actor may see."""
    return picture(photo_for(actor_of(request), photo_id), thumbnail=request.GET.get("size") == "s")


@require_http_methods(["GET", "POST"])
@staff_only
def field_report(request: HttpRequest) -> HttpResponseBase:
    """上报: what a member of staff sees on the way, in a place of their own territory."""
    actor = actor_of(request)
    now = clock.now()
    paths = [held.unit_path for held in actor.held if REPORT_CASE in held.permissions]
    places = plated_units(paths, at=now)
    sent = request.method == "POST"
    form = ReportForm(request.POST, request.FILES) if sent else ReportForm(initial={"client_id": new_id()})
    chosen = request.POST.get("place", "") or (str(places[0].pk) if len(places) == 1 else "")
    stored = Stored()
    if sent:
        place = next((unit for unit in places if str(unit.pk) == chosen), None)
        if place is None:
            form.add_error(None, _("请选在哪条巷。"))
        fine = form.is_valid()
        if place is not None:
            stored = store_photos(
                form.cleaned_data.get("photos") or [],
                scope=place.county_id or place.pk,
                kept=kept_ids(form.data.get("kept", "")),
            )
            for error in stored.errors:
                form.add_error("photos", error)
        if fine and place is not None and not stored.errors:
            data = form.cleaned_data
            found = queries.category_with_limits(data["category"], on=now)
            try:
                if found is None or found[0].visibility != Visibility.ORDINARY:
                    raise Refused(
                        "category_unknown", _("请选一类；不知道归哪类就选“其他情况”。"), field="category"
                    )
                receipted = actions.report_case(
                    actions.Report(
                        client_id=data["client_id"],
                        category=found[0],
                        limits=found[1],
                        words=data["words"],
                        place=place,
                        place_name=spoken_name(place),
                        channel=Channel.STAFF,
                        place_note=data["place_note"],
                        photos=stored.photos,
                    ),
                    actor=actor,
                )
            except Refused as refused:
                if refused.code == "sent_before":
                    give_fresh_id(form)
                form.add_error(refused.field if refused.field in form.fields else None, str(refused.reason))
            else:
                messages.success(
                    request, _("已上报，编号 %(number)s。") % {"number": receipted.matter.number}
                )
                return HttpResponseRedirect(reverse("cases:case", args=[receipted.matter.pk]))
    open_ones = [
        row
        for row in queries.categories()
        if row.intake == Intake.OPEN and row.visibility == Visibility.ORDINARY
    ]
    return render(
        request,
        "cases/field_report.html",
        {
            "form": form,
            "places": [(unit, spoken_name(unit)) for unit in places],
            "place": chosen,
            "categories": open_ones,
            "chosen": form.data.get("category") or "",
            "english": queries.in_english(),
            "kept": stored.kept,
            **danger_box(form["words"].value()),
            "shell": _shell(actor),
        },
        status=400 if form.errors else 200,
    )
