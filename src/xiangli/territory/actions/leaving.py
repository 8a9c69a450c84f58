"""Somebody leaves: what they have in hand goes to others, their posts end, and, where that was the last, their account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xiangli.accounts import actions as accounts
from xiangli.accounts.queries import ways_in
from xiangli.kernel import clock, outbox
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import (
    COMMAND_LINE,
    Line,
    check_day,
    check_not_own,
    lock,
    record,
    right_to_appoint,
)
from xiangli.territory.models import Appointment, OnCall, Unit
from xiangli.territory.rules import Actor, day_of

LEAVE: Final = "territory.leave"  # the topic of what is left for the last day's morrow
_CHINA: Final = ZoneInfo("Asia/Shanghai")

# What modules above keep in a person's hand. The preview counts it for (user, now), and names nobody; the mover is
# called in the transaction, after the posts ended, and gives away whatever the person can no longer do.
Preview = Callable[[UUID, datetime], list[Line]]
Move = Callable[[UUID, datetime], None]
_leaving: list[tuple[Preview, Move]] = []


def register_leaving(preview: Preview, move: Move) -> None:
    """Called once by the app config of a module in which people have things in hand."""
    if (preview, move) not in _leaving:
        _leaving.append((preview, move))


@dataclass(frozen=True, slots=True)
class Leaving:
    """What somebody's leaving touches."""

    posts: list[Appointment]  # that end, or never begin
    lines: list[Line]


def preview_leaving(*, by: Actor | None, user: Any, on: date) -> Leaving:
    """What `off_board` would do; it refuses what that refuses."""
    now = clock.now()
    posts = _posts_to_end(by, user, on, now)
    ways = ways_in(user.pk, now=now)
    shifts = OnCall.objects.filter(user=user, ended_at=None, ends__gt=max(now, _midnight(on))).count()
    lines = [line for preview, _move in _leaving for line in preview(user.pk, now)]
    lines += [
        Line(gettext_lazy("值班（取消）"), shifts),
        Line(gettext_lazy("已绑定的手机（停用账号时解除）"), ways.phones),
        Line(gettext_lazy("没用过的开通链接（停用账号时作废）"), ways.links),
    ]
    return Leaving(posts, lines)


def off_board(*, by: Actor | None = None, user: Any, on: date, close: bool = True) -> Leaving:
    """Take somebody out of all their posts: `on` is the first day without them. What they have in hand moves, their
    nights on call are taken off, and with `close` their account is closed. On a later day, all but the end of
    the posts happens on that day. One transaction.

    Raises Refused: no_posts, in_past, own_appointment, not_permitted (names the post that is not the actor's to end).
    """
    now = clock.now()
    with transaction.atomic():
        units = _lock_units_of(user.pk, on)
        leaving = preview_leaving(by=by, user=user, on=on)
        for post in leaving.posts:
            unit = units[post.unit_id]
            authority = COMMAND_LINE if by is None else right_to_appoint(by, unit)
            end_row(post, on)
            record(
                unit, "end_appointment", by, authority, now,
                {"appointment": post.pk, "on": on.isoformat(), "leaving": True},
            )  # fmt: skip
        take_off_roster(user.pk, on, now)
        leave_on(user.pk, on, now, close=close)
    return leaving


def leave_on(user_id: UUID, on: date, now: datetime, *, close: bool) -> None:
    """Let go of what somebody has in hand: now, or on the morning of the first day without them."""
    if on > day_of(now):
        payload = {"user": user_id, "on": on.isoformat(), "close": close}
        outbox.put(LEAVE, payload, now=now, available_at=_midnight(on))
    else:
        let_go(user_id, on, now, close=close)


def let_go(user_id: UUID, on: date, now: datetime, *, close: bool) -> None:
    """Move what the person can no longer do, and close the account of whoever has no post any more, nor one to come:
    somebody may have been appointed again since."""
    with transaction.atomic():
        for _preview, move in _leaving:
            move(user_id, now)
        # whoever appoints them at this moment waits here, and gets the account back after it was closed
        get_user_model()._default_manager.select_for_update().get(pk=user_id)
        if standing(user_id, day_of(now)).exists():
            return
        take_off_roster(user_id, on, now)
        if close:
            accounts.close_account(user_id=user_id, now=now)


def standing(user_id: UUID, day: date) -> Any:
    """Appointments of a person that hold on `day` or later."""
    return Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day), user=user_id)


def end_row(appointment: Appointment, on: date) -> None:
    """Write the end of an appointment; one that would never begin goes."""
    if appointment.valid_from >= on:
        appointment.delete()
    else:
        appointment.valid_to = on
        appointment.save(update_fields=["valid_to"])


def take_off_roster(user_id: UUID, on: date, now: datetime) -> None:
    """Nights on call that begin on that day or later; once it has come, also the one that runs."""
    gone = (
        Q(starts__gte=_midnight(on)) | Q(ends__gt=now) if on <= day_of(now) else Q(starts__gte=_midnight(on))
    )
    OnCall.objects.filter(gone, user=user_id, ended_at=None, ends__gt=now).update(ended_at=now)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _CHINA)


def _lock_units_of(user_id: UUID, on: date) -> dict[UUID, Unit]:
    """The units of somebody's posts, locked, and read anew until there is no other: a merge that was under way may
    have carried a post into a unit that was not there before."""
    locked: dict[UUID, Unit] = {}
    while True:
        posts = standing(user_id, on).exclude(unit__in=list(locked)).select_related("unit")
        units = {post.unit_id: post.unit for post in posts.order_by("unit__path")}
        if not units:
            return locked
        locked |= {pk: lock(unit) for pk, unit in units.items()}


def _posts_to_end(by: Actor | None, user: Any, on: date, now: datetime) -> list[Appointment]:
    posts = list(
        standing(user.pk, on)
        .select_related("unit", "post", "user")
        .order_by("unit__path", "post__order", "id")
    )
    check_not_own(by, user.pk)
    check_day(by, on, now, "on")
    if not posts:
        raise Refused("no_posts", _("%(name)s那天以后没有任职，不用办离岗。") % {"name": user.display_name})
    for post in posts:
        if by is not None:
            right_to_appoint(by, post.unit, held=post)
    return posts
