"""The on-call roster: who answers for danger in a seat, by the hour."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import ask_second_factor, authority_of, check_post, lock, record
from xiangli.territory.actions.people import end_outgrown_links
from xiangli.territory.models import Appointment, OnCall, Post, Unit
from xiangli.territory.rules import (
    SET_ON_CALL,
    STANDING_VERBS,
    Actor,
    check_on_call,
    day_of,
    has_roster,
    in_force,
)

_NIGHT = timedelta(days=1)  # from one night's hours to the next one's


def set_on_call(
    *,
    by: Actor | None = None,
    unit: Unit,
    post: Post,
    user: Any,
    starts: datetime,
    ends: datetime,
    nights: int = 1,
) -> list[OnCall]:
    """Put `user` on call in a seat from `starts` until `ends`, and at the same hours of the days after, `nights`
    times in all. What has begun already counts from now on. Several people may be on call at once: all are asked.

    Raises Refused: scheme, level, no_roster, dates, over, too_far, unit_ended, no_post_here, on_call_already, not_permitted,
    own_on_call (nobody gives themselves by a night what they may not do by day).
    """
    now = clock.now()
    with transaction.atomic():
        locked = lock(unit)
        authority = authority_of(by, SET_ON_CALL, locked)
        check_post(post, locked)
        if not has_roster(post.duties):
            raise Refused(
                "no_roster",
                _("“%(post)s”只受理服务投诉，不接险情，不排值班；请排到综治中心的岗位上。")
                % {"post": post.name},
                field="seat",
            )
        _check_own(by, user, post, locked)
        entries = []
        for night in range(nights):
            begin, end = starts + night * _NIGHT, ends + night * _NIGHT
            check_on_call(begin, end, now=now)
            begin = max(begin, now)
            _check_person(user, post, locked, begin, end)
            entries.append(
                OnCall(
                    unit=locked,
                    post=post,
                    user=user,
                    starts=begin,
                    ends=end,
                    recorded_at=now,
                    recorded_by_id=by.user_id if by else None,
                )
            )
        OnCall.objects.bulk_create(entries)
        ask_second_factor(user, post)
        end_outgrown_links(user.pk, now)
        for entry in entries:
            record(
                locked, "set_on_call", by, authority, now,
                {
                    "on_call": entry.pk, "user": user.pk, "post": post.code,
                    "starts": entry.starts, "ends": entry.ends,
                },
            )  # fmt: skip
    return entries


def _check_own(by: Actor | None, user: Any, post: Post, unit: Unit) -> None:
    if by is None or by.user_id != user.pk:
        return
    if any(not by.may(verb, unit.path) for verb in set(post.permissions) - STANDING_VERBS):
        raise Refused(
            "own_on_call",
            _("“%(post)s”能办的事比您自己的岗位多，不能由您给自己排；请同单位或上一级管排班的人来排。")
            % {"post": post.name},
            field="user",
        )


def _check_person(user: Any, post: Post, unit: Unit, starts: datetime, ends: datetime) -> None:
    day = day_of(starts)
    if not in_force(unit.valid_from, unit.valid_to, day):
        raise Refused(
            "unit_ended", _("“%(unit)s”在这一天不存在；请排到接续它的单位。") % {"unit": unit.short_name}
        )
    held = Appointment.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=day), user=user, unit__county=unit.county_id, valid_from__lte=day
    )
    if not user.is_active or not held.exists():
        raise Refused(
            "no_post_here",
            _("%(name)s那天在本县没有岗位，不能值班；请先任命，或另排一位。") % {"name": user.display_name},
            field="user",
        )
    if OnCall.objects.filter(
        unit=unit, post=post, user=user, ended_at=None, starts__lt=ends, ends__gt=starts
    ).exists():
        raise Refused(
            "on_call_already",
            _("%(name)s这段时间已经排了这个班；要改时间，请先取消原来的。") % {"name": user.display_name},
            field="starts",
        )


def end_on_call(*, by: Actor | None = None, entry_id: UUID) -> OnCall:
    """Take an entry off the roster from now on; what was, was.

    Raises Refused: not_found (also for an entry of a unit outside the actor's territory), over, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        found = OnCall.objects.select_related("unit", "post").filter(pk=entry_id).first()
        if found is None or (by is not None and not by.covers(found.unit.path)):
            raise Refused("not_found", _("没有找到这个班次，或者它不在您的辖区内。"))
        unit = lock(found.unit)
        entry = OnCall.objects.select_related("post", "user").get(pk=entry_id)
        authority = authority_of(by, SET_ON_CALL, unit)
        if entry.ended_at is not None or entry.ends <= now:
            raise Refused("over", _("这个班次已经取消，或者已经结束。"))
        entry.ended_at = now
        entry.save(update_fields=["ended_at"])
        record(
            unit, "end_on_call", by, authority, now,
            {"on_call": entry.pk, "user": entry.user_id, "post": entry.post.code},
        )  # fmt: skip
    return entry
