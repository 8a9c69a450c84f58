"""The inbox, one's own channels, and what could not be delivered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xiangli.accounts.sessions import fresh_required
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.notices import actions, queries
from xiangli.notices.forms import AddressForm, HandOverForm, PreferencesForm
from xiangli.notices.models import Delivery, Notice
from xiangli.notices.states import (
    DIGEST,
    GROUPS,
    NEUTRAL,
    PERSONAL,
    ChannelKind,
    Fault,
    describe,
    words_of,
)
from xiangli.territory.rules import Actor
from xiangli.web.paging import paginate


@login_required
@never_cache
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The newest notices first; what is not read stands out, and what says the same of the same matter is one line."""
    actor = _actor(request)
    page = paginate(queries.inbox(actor), order=("-at", "-id"), cursor=request.GET.get("cursor", ""))
    names = describe(actor, {notice.about for notice in page.items if notice.about})
    rows = _grouped(page.items)
    for row in rows:
        row["about"] = names.get(row["notice"].about, "")
    unread = any(notice.read_at is None for notice in page.items)
    return render(request, "notices/inbox.html", {"page": page, "rows": rows, "unread": unread})


def _grouped(notices: Iterable[Notice]) -> list[dict[str, Any]]:
    """A row for each matter and kind, read and unread apart: its newest notice, and how many it stands for."""
    rows: dict[tuple[object, str, bool], dict[str, Any]] = {}
    for notice in notices:
        key = (notice.about or notice.pk, notice.kind, notice.read_at is None)
        row = rows.setdefault(key, {"notice": notice, "says": words_of(notice.kind), "times": 0})
        row["times"] += 1
    return list(rows.values())


@login_required
@never_cache
@require_GET
def open_notice(request: HttpRequest, notice_id: UUID) -> HttpResponseRedirect:
    """Mark it as read and lead to what it is about. A link, so that it opens in a new tab too; looking again
    changes nothing.
    """
    notice = actions.read_notice(_actor(request), notice_id, now=clock.now())
    if notice.about is None:  # many: where one's work stands
        return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)
    # the address is of a module above: it asks its own fence
    return HttpResponseRedirect(f"/m/{notice.about}/")


@login_required
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    actions.read_all_notices(_actor(request), now=clock.now())
    return redirect("notices:inbox")


# -- one's own channels


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Which channels tell me, and in which language."""
    actor, user_id = _actor(request), _user_id(request)
    mine = queries.my_channels(actor)
    form = PreferencesForm(
        request.POST or None,
        mine=mine,
        initial={
            "wanted": [one.kind.value for one in mine if one.wanted],
            "language": queries.language_of(user_id) or get_language(),
        },
    )
    if request.method == "POST" and form.is_valid():
        actions.set_preferences(
            user_id=user_id,
            wanted=form.cleaned_data.get("wanted", []),
            language=form.cleaned_data["language"],
            now=clock.now(),
        )
        messages.success(request, _("已保存。"))
        return redirect("notices:preferences")
    rings = any(one.kind == ChannelKind.VOICE for one in mine)
    return render(request, "notices/preferences.html", {"mine": mine, "form": form, "rings": rings})


@never_cache
@sensitive_post_parameters("address")
@fresh_required()
@require_http_methods(["GET", "POST"])
def set_address(request: HttpRequest, kind: str) -> HttpResponse:
    """Where one of my channels reaches me; the button beside it forgets it."""
    user_id = _user_id(request)
    if kind not in PERSONAL:
        raise Refused("not_found", _("没有这个通道。请从消息设置里选。"))
    channel = ChannelKind(kind)
    if request.method == "POST" and "forget" in request.POST:
        actions.forget_address(user_id=user_id, kind=kind)
        messages.success(request, _("已删去，这个通道不会再通知您。"))
        return redirect("notices:preferences")
    form = AddressForm(request.POST or None, kind=channel)
    if request.method == "POST" and form.is_valid():
        try:
            actions.set_address(
                user_id=user_id, kind=kind, address=form.cleaned_data["address"], now=clock.now()
            )
        except Refused as refused:
            form.add_error("address", str(refused))
        else:
            messages.success(request, _("已登记，以后会用这个通道通知您。"))
            return redirect("notices:preferences")
    kept = next((one.address for one in queries.my_channels(_actor(request)) if one.kind == channel), "")
    return render(request, "notices/address.html", {"channel": channel, "form": form, "kept": kept})


# -- what did not arrive


@never_cache
@login_required
@require_GET
def deliveries(request: HttpRequest) -> HttpResponse:
    """What could not be delivered to people here: why, and the two ways on."""
    actor, now = _looking_after(request), clock.now()
    page = paginate(
        queries.undelivered(actor, at=now),
        order=("-made_at", "-id"),
        cursor=request.GET.get("cursor", ""),
    )
    names = describe(actor, {row.about for row in page.items if row.about})
    posts = queries.posts_of({row.user_id for row in page.items if row.user_id}, at=now)
    form = HandOverForm(people=queries.colleagues(actor, at=now))
    rows = [
        {
            "delivery": row,
            "who": _who(row),
            "post": posts.get(row.user_id, "") if row.user_id else "",
            "says": _says(row),
            "about": names.get(row.about, "") if row.about else "",
            "why": Fault(row.last_error).label if row.last_error in Fault.values else "",
            "may_retry": row.user_id is not None or row.kind in GROUPS,
        }
        for row in page.items
    ]
    context = {"page": page, "rows": rows, "form": form, "retriable": any(row["may_retry"] for row in rows)}
    return render(request, "notices/deliveries.html", context)


def _who(row: Delivery) -> str:
    if row.user is not None:
        return row.user.display_name
    return _("群") if row.kind in GROUPS else _("反映人")


def _says(row: Delivery) -> str:
    if row.what == DIGEST or row.count > 1:
        return _("%(count)d 件事项的进展") % {"count": row.count}
    if row.user_id is None and row.kind not in GROUPS:
        return _("告诉反映人办得怎样了")  # the words of the verb are for staff
    return _("一件不公开的事项有了进展") if row.what == NEUTRAL else str(words_of(row.what))


@login_required
@require_POST
def retry_delivery(request: HttpRequest) -> HttpResponse:
    """Try again: one, or all that the page shows."""
    actor = _looking_after(request)
    try:
        ids = [UUID(one) for one in request.POST.getlist("delivery")[:100]]
    except ValueError:
        raise Refused("invalid_delivery", _("没有看懂是哪一条，请从名单里按按钮。")) from None
    count = actions.retry_deliveries(actor, ids, now=clock.now())
    messages.success(request, _("%(count)d 条会再发一次。还是不成，会回到这张名单。") % {"count": count})
    return redirect("notices:deliveries")


@login_required
@require_POST
def hand_over_delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Have somebody of the desk's own units tell it."""
    actor, now = _looking_after(request), clock.now()
    people = queries.colleagues(actor, at=now)
    form = HandOverForm(request.POST, people=people)
    to = form.cleaned_data["to"] if form.is_valid() else UUID(int=0)  # who is nobody is refused in words
    actions.hand_over_delivery(actor, delivery_id, to=to, now=now)
    name = next(one.name for one in people if one.id == to)
    messages.success(request, _("已转给%(name)s当面或打电话告知。") % {"name": name})
    return redirect("notices:deliveries")


def _looking_after(request: HttpRequest) -> Actor:
    actor = _actor(request)
    if not queries.may_look_after(actor):
        raise Refused(
            "forbidden_retry_delivery",
            _("您的岗位不管没有送到的消息；请找乡镇（街道）或县综治中心的值班人员。"),
        )
    return actor


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by config's middleware
    return actor


def _user_id(request: HttpRequest) -> UUID:
    user_id = request.user.pk
    assert isinstance(user_id, UUID)  # the pages above are closed to visitors
    return user_id
