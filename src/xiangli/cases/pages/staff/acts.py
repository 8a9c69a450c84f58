"""One act of staff, by the name of its action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from xiangli.cases import actions
from xiangli.cases.forms import ActForm, kept_ids
from xiangli.cases.pages.photos import Stored, store_photos
from xiangli.cases.pages.staff.case import case_page
from xiangli.cases.pages.staff.common import actor_of, is_summary, staff_only
from xiangli.cases.pages.staff.offers import Tried
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.matters.queries import not_found

DONE: Final[Mapping[str, Callable[[], str]]] = {
    "accept_case": lambda: _("已受理，由您这里办理。"),
    "take_case": lambda: _("已接单，由您办理。"),
    "claim_case": lambda: _("已领办，由您牵头。"),
    "arrive_case": lambda: _("已记下到场。"),
    "resolve_case": lambda: _("已记为处理完成。"),
    "handle_on_spot": lambda: _("已记为当场处理。"),
    "verify_case": lambda: _("核查结果已记下。"),
    "close_case": lambda: _("已办结，反映人会看到您的反馈。"),
    "assign_case": lambda: _("已交办。"),
    "transfer_case": lambda: _("已转派。"),
    "handle_together": lambda: _("已请对方协同。"),
    "finish_part": lambda: _("协同的结果已记下。"),
    "hand_up_case": lambda: _("已上报，交上一级。"),
    "return_case": lambda: _("已退回。"),
    "suspend_case": lambda: _("已挂起，时限停着；反映人会看到原因。"),
    "resume_case": lambda: _("已恢复办理，时限接着算。"),
    "ask_extension": lambda: _("已申请延期，等上级决定。批准以前时限照旧。"),
    "decide_extension": lambda: _("您的决定已记下，申请人会收到。"),
    "supervise_case": lambda: _("已督办，承办人须在期限内答复。"),
    "answer_order": lambda: _("答复已记下，督办人会收到。"),
    "merge_case": lambda: _("已合并，办好后两边的反映人都会知道。"),
    "decline_case": lambda: _("已记为不予受理，反映人会看到理由和去处。"),
}


def _to_seat(data: Mapping[str, Any]) -> dict[str, Any]:
    unit, _colon, post = (data["seat"] or "").partition(":")
    if not unit:
        raise Refused("seat_missing", _("请选由谁办理。"), field="seat")
    return {"unit_id": UUID(unit), "post_id": UUID(post)}


def _given(data: Mapping[str, Any], name: str, reason: str) -> dict[str, Any]:
    if data[name] is None:
        raise Refused(f"{name}_missing", reason, field=name)
    return {name: data[name]}


def _which(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    if data[name] is None:
        raise Refused("invalid", _("表单不完整，请刷新页面再试。"))
    return {f"{name}_id": data[name]}


# What an action takes besides the act itself.
_TAKES: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "assign_case": _to_seat,
    "transfer_case": _to_seat,
    "handle_together": _to_seat,
    "verify_case": lambda data: _given(data, "passed", _("请选核查是否通过。")),
    "decide_extension": lambda data: _given(data, "approved", _("请选同意还是不同意。")),
    "finish_part": lambda data: _which(data, "part"),
    "answer_order": lambda data: _which(data, "order"),
    "resolve_case": lambda data: {"outcome": data["outcome"]},
    "handle_on_spot": lambda data: {"outcome": data["outcome"]},
    "suspend_case": lambda data: {"days": data["days"]},
    "ask_extension": lambda data: {"days": data["days"]},
    "merge_case": lambda data: _given(data, "number", _("请填另一件事项的编号。")),
    "decline_case": lambda data: {"where": data["where"]},
}


@require_POST
@staff_only
def act(request: HttpRequest, matter_id: UUID, action: str) -> HttpResponseBase:
    """One act of staff: what is wrong with its form stands at the field, with the words kept."""
    actor = actor_of(request)
    if action not in DONE:
        raise not_found()
    form = ActForm(action, request.POST, request.FILES)
    tried = Tried(action, form)
    if not form.is_valid():
        tried.error = form.first_refusal()
        return case_page(request, matter_id, tried=tried, status=400)
    data = form.cleaned_data
    before, after = Stored(), Stored()
    if (
        data.get("before")
        or data.get("after")
        or request.POST.get("kept_before")
        or request.POST.get("kept_after")
    ):
        # The fence before any work on pictures: nobody stores files on a matter they cannot see.
        scope = (
            Matter.objects.visible_to(actor).filter(pk=matter_id).values_list("county_id", flat=True).first()
        )
        if scope is None:
            raise not_found()
        before = store_photos(
            data.get("before", []), scope=scope, kept=kept_ids(request.POST.get("kept_before", ""))
        )
        after = store_photos(
            data.get("after", []), scope=scope, kept=kept_ids(request.POST.get("kept_after", ""))
        )
    tried.kept_before, tried.kept_after = before.kept, after.kept
    if before.errors or after.errors:
        field = "before" if before.errors else "after"
        tried.error = Refused("photo", " ".join([*before.errors, *after.errors]), field=field)
        return case_page(request, matter_id, tried=tried, status=400)
    the_act = actions.Act(
        actor=actor,
        matter_id=matter_id,
        act_id=data["act_id"],
        note=data.get("note", ""),
        seen=data["seen"],
        photos_before=before.photos,
        photos_after=after.photos,
    )
    try:
        takes = _TAKES.get(action)
        getattr(actions, action)(the_act, **(takes(data) if takes else {}))
    except Refused as refused:
        if refused.code == "not_found":
            raise
        tried.error = refused
        return case_page(request, matter_id, tried=tried, status=409)
    messages.success(request, DONE[action]())
    if Matter.objects.visible_to(actor).filter(pk=matter_id).exists():
        return redirect("cases:case", matter_id)
    if is_summary(request):
        return render(request, "cases/summary_gone.html")
    return redirect("cases:tasks")
