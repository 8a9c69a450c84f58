"""People in posts: appointments, absences, duty numbers, the way in."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.accounts import actions as accounts
from xiangli.accounts.models import Enrolment
from xiangli.accounts.queries import issuers_of_links
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import (
    COMMAND_LINE,
    ask_second_factor,
    authority_of,
    check_dates,
    check_day,
    check_not_own,
    check_post,
    lock,
    record,
    right_to_appoint,
)
from xiangli.territory.actions.leaving import end_row, leave_on
from xiangli.territory.models import (
    Absence,
    Appointment,
    DutyNumber,
    OnCall,
    Post,
    Standing,
    Succession,
    Unit,
)
from xiangli.territory.queries.people import actor_for
from xiangli.territory.rules import (
    APPOINT_STAFF,
    ENROL_STAFF,
    Actor,
    day_of,
    in_force,
    is_telephone,
    may_enrol,
    overlap,
)


def appoint(
    *,
    by: Actor | None = None,
    user: Any,
    unit: Unit,
    post: Post,
    valid_from: date,
    valid_to: date | None = None,
    standing: str = Standing.HOLDER,
) -> Appointment:
    """Appoint `user` to `post` in `unit` until the day before `valid_to`. `by` None: an administrator on
    the command line.

    Whoever left and is appointed again gets their account back, and needs a new link. Raises Refused: level,
    scheme, dates, unit_ended, post_taken (names who holds it), appointed_already; and for an actor not_permitted,
    own_appointment, in_past, no_holder (a deputy of nobody), not_found (somebody of another territory).
    """
    now = clock.now()
    with transaction.atomic():
        locked = lock(unit)
        check_dates(valid_from, valid_to)
        check_not_own(by, user.pk)
        authority = COMMAND_LINE if by is None else right_to_appoint(by, locked)
        check_day(by, valid_from, now, "valid_from")
        if by is not None:
            _check_known(by, user)
        check_post(post, locked)
        if not in_force(locked.valid_from, locked.valid_to, valid_from):
            raise Refused("unit_ended", _("“%(unit)s”在任职开始的那天不存在；请改任到接续它的单位。") % {
                "unit": locked.short_name
            })  # fmt: skip
        if locked.valid_to is not None and (valid_to is None or valid_to > locked.valid_to):
            valid_to = locked.valid_to
        others = list(Appointment.objects.select_related("user").filter(unit=locked, post=post))
        if by is not None and standing == Standing.DEPUTY and not _has_holder(others, valid_from):
            raise Refused(
                "no_holder",
                _("“%(unit)s”的“%(post)s”那天没有负责人，代理不知替谁；请先任命负责人，或直接任命为负责人。")
                % {"unit": locked.short_name, "post": post.name},
                field="standing",
            )
        for other in others:
            if not overlap(other.valid_from, other.valid_to, valid_from, valid_to):
                continue
            if other.user_id == user.pk:
                raise Refused("appointed_already", _("%(name)s这段时间已在这个岗位上；请先结束原任职。") % {
                    "name": other.user.display_name
                })  # fmt: skip
            if post.single and standing == Standing.HOLDER == other.standing:
                raise Refused(
                    "post_taken",
                    _("“%(post)s”从 %(since)s 起由%(name)s担任；请先结束其任职，或任命为代理。")
                    % {"post": post.name, "since": other.valid_from, "name": other.user.display_name},
                    appointment=other.pk,
                )
        appointment = Appointment.objects.create(
            user=user,
            unit=locked,
            post=post,
            standing=standing,
            single=post.single,
            valid_from=valid_from,
            valid_to=valid_to,
            recorded_at=now,
            recorded_by_id=by.user_id if by else None,
        )
        ask_second_factor(user, post)
        accounts.reopen_account(user_id=user.pk)
        end_outgrown_links(user.pk, now)
        record(
            locked, "appoint", by, authority, now,
            {
                "appointment": appointment.pk, "user": user.pk, "post": post.code, "standing": standing,
                "from": valid_from.isoformat(), "to": valid_to.isoformat() if valid_to else None,
            },
        )  # fmt: skip
    return appointment


def appoint_somebody_new(
    *,
    by: Actor | None = None,
    name: str,
    username: str = "",
    unit: Unit,
    post: Post,
    valid_from: date,
    valid_to: date | None = None,
    standing: str = Standing.HOLDER,
) -> Appointment:
    """`appoint` somebody who is not among the people yet; where it is refused, nobody is created. Refused besides:
    username_form, username_taken."""
    with transaction.atomic():
        user = accounts.new_person(display_name=name, username=username)
        return appoint(
            by=by,
            user=user,
            unit=unit,
            post=post,
            valid_from=valid_from,
            valid_to=valid_to,
            standing=standing,
        )


def _check_known(by: Actor, user: Any) -> None:
    """Whoever stands, or stood, in a post elsewhere only is nobody this actor knows: their county or the town
    that has them appoints them, or a level above both."""
    paths = list(Appointment.objects.filter(user=user).values_list("unit__path", flat=True))
    if paths and not any(by.covers(path) for path in paths):
        raise Refused(
            "not_found", _("您的辖区里没有这个人。跨乡镇调动，请县里管岗位的人办理。"), field="user"
        )


def _has_holder(others: Sequence[Appointment], day: date) -> bool:
    return any(
        other.standing == Standing.HOLDER and in_force(other.valid_from, other.valid_to, day)
        for other in others
    )


def end_appointment(*, by: Actor | None = None, appointment: Appointment, on: date) -> Appointment:
    """End an appointment: `on` is the first day without it; for an actor, one that has not begun by then goes.
    What the person can no longer do moves on that day.

    Raises Refused: dates, ended_already; and for an actor not_permitted, own_appointment, in_past.
    """
    now = clock.now()
    with transaction.atomic():
        unit = lock(appointment.unit)
        current = Appointment.objects.select_related("post", "user").filter(pk=appointment.pk).first()
        if current is None:
            raise Refused("not_found", _("这项任职刚才已经取消；请刷新页面再看。"))
        authority = COMMAND_LINE if by is None else right_to_appoint(by, unit)
        check_not_own(by, current.user_id)
        check_day(by, on, now, "on")
        if current.valid_to is not None and current.valid_to <= on:
            raise Refused("ended_already", _("这项任职到 %(day)s 已经结束。") % {"day": current.valid_to})
        if by is None or current.valid_from <= day_of(now):
            check_dates(current.valid_from, on)
        record(unit, "end_appointment", by, authority, now, {"appointment": current.pk, "on": on.isoformat()})
        end_row(current, on)
        _end_what_follows(current, unit, on, by, authority, now)
        if by is not None:
            leave_on(current.user_id, on, now, close=False)
    return current


def _end_what_follows(
    ended: Appointment, unit: Unit, on: date, by: Actor | None, authority: str, now: datetime
) -> None:
    """A merge that is yet to come has written already that the person goes on in the new unit: they do not."""
    if unit.valid_to is None:
        return
    following = Appointment.objects.select_related("unit", "post").filter(
        unit__in=Succession.objects.filter(predecessor=unit).values("successor"),
        user=ended.user_id,
        post=ended.post_id,
        standing=ended.standing,
        valid_from=unit.valid_to,
    )
    for row in following:
        successor = lock(row.unit)
        data = {"appointment": row.pk, "on": row.valid_from.isoformat()}
        record(successor, "end_appointment", by, authority, now, data)
        end_row(row, max(on, row.valid_from))
        _end_what_follows(row, successor, on, by, authority, now)


def record_absence(
    *, by: Actor | None = None, appointment: Appointment, starts: datetime, ends: datetime | None = None
) -> Absence:
    """Say that the person of an appointment is away from `starts` to `ends` (None: until further notice);
    the deputy answers meanwhile. A person says it of oneself; of others, whoever may appoint there.

    Raises Refused: dates, away_already, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        unit = lock(appointment.unit)
        if ends is not None and ends <= starts:
            raise Refused("dates", _("结束时间须晚于开始时间。"), field="ends")
        own = by is not None and by.user_id == appointment.user_id
        authority = f"appointment:{appointment.pk}" if own else authority_of(by, APPOINT_STAFF, unit)
        clash = Q(ends=None) | Q(ends__gt=starts)
        if ends is not None:
            clash &= Q(starts__lt=ends)
        if Absence.objects.filter(clash, appointment=appointment).exists():
            raise Refused("away_already", _("这段时间已经登记过外出；请先更正原来的登记。"))
        absence = Absence.objects.create(appointment=appointment, starts=starts, ends=ends)
        record(
            unit,
            "record_absence",
            by,
            authority,
            now,
            {"appointment": appointment.pk, "starts": starts, "ends": ends},
        )
    return absence


def end_absence(*, by: Actor | None = None, absence: Absence) -> None:
    """Somebody is back, or does not go after all: from now on they answer again. Raises Refused: back_already,
    not_permitted."""
    now = clock.now()
    with transaction.atomic():
        unit = lock(absence.appointment.unit)
        current = Absence.objects.select_related("appointment").filter(pk=absence.pk).first()
        if current is None or (current.ends is not None and current.ends <= now):
            raise Refused("back_already", _("这次外出已经结束，不用再销假。"))
        own = by is not None and by.user_id == current.appointment.user_id
        authority = f"appointment:{current.appointment_id}" if own else authority_of(by, APPOINT_STAFF, unit)
        if current.starts >= now:
            current.delete()
        else:
            current.ends = now
            current.save(update_fields=["ends"])
        record(unit, "end_absence", by, authority, now, {"appointment": current.appointment_id})


def set_duty_number(*, by: Actor | None = None, unit: Unit, post: Post, phone: str) -> DutyNumber | None:
    """Say on which telephone a post of a unit is on duty; "" takes it away. Never a private number: it stands on
    the plate. Raises Refused: phone, scheme, level, not_permitted."""
    now = clock.now()
    if not is_telephone(phone):
        raise Refused(
            "phone",
            _("这不是电话号码：请写成 0359-6520001、6520001、12345 这样的值班电话。"),
            field="phone",
        )
    with transaction.atomic():
        locked = lock(unit)
        authority = authority_of(by, APPOINT_STAFF, locked)
        check_post(post, locked)
        if not phone:
            DutyNumber.objects.filter(unit=locked, post=post).delete()
            record(locked, "set_duty_number", by, authority, now, {"post": post.code, "taken": True})
            return None
        number, _created = DutyNumber.objects.update_or_create(
            unit=locked, post=post, defaults={"phone": phone}
        )
        record(locked, "set_duty_number", by, authority, now, {"post": post.code})
    return number


def issue_enrolment(*, by: Actor, user_id: UUID, now: datetime) -> tuple[Any, Enrolment, str]:
    """Hand out the one-time link of a person below the actor's unit: the person, the enrolment, its token.

    Raises Refused: not_found for anybody outside the actor's territory, not_permitted for somebody who also
    holds a post, or is on call, at the actor's level or above, account_inactive.
    """
    with transaction.atomic():
        standing = list(
            Appointment.objects.select_related("user", "unit")
            .filter(Q(valid_to=None) | Q(valid_to__gt=day_of(now)), user=user_id)
            .order_by("unit__path", "id")
        )
        nights = _nights_to_come(user_id, now)
        below = [a for a in standing if may_enrol(by, [a.unit.path])]
        if by.user_id is None or not below:
            raise Refused("not_found", _("您的辖区里没有这个人。请核对名单，或先请管岗位的人任命。"))
        if not may_enrol(by, [*(a.unit.path for a in standing), *nights]):
            raise Refused(
                "not_permitted",
                _("%(name)s还有与您同级或上级的岗位，链接要由上一级（乡镇或县综治中心）来发。")
                % {"name": below[0].user.display_name},
            )
        unit = lock(below[0].unit)
        authority = authority_of(by, ENROL_STAFF, unit)
        issuer = get_user_model()._default_manager.get(pk=by.user_id)
        enrolment, token = accounts.issue_enrolment(user=below[0].user, issued_by=issuer, now=now)
        record(unit, "issue_enrolment", by, authority, now, {"user": user_id, "enrolment": enrolment.pk})
    return below[0].user, enrolment, token


def _nights_to_come(user_id: UUID, now: datetime) -> list[str]:
    """Where somebody is on call, now or later: a link into their account leads there, too."""
    nights = OnCall.objects.filter(user=user_id, ended_at=None, ends__gt=now)
    return list(nights.values_list("unit__path", flat=True).distinct())


def end_outgrown_links(user_id: UUID, now: datetime) -> None:
    """End the links into an account that whoever made them could not make any more: they would lead into a post
    that was given since, at the level of the one who may have kept the link, or above. One statement where no
    link is open."""
    issuers = issuers_of_links(user_id, now=now)
    if not issuers:
        return
    held = Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day_of(now)), user=user_id)
    paths = [*held.values_list("unit__path", flat=True), *_nights_to_come(user_id, now)]
    outgrown = [issuer.pk for issuer in issuers if not may_enrol(actor_for(issuer, at=now), paths)]
    accounts.revoke_links(user_id=user_id, issuers=outgrown, now=now)
