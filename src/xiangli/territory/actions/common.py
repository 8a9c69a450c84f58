"""What the actions of territory share."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from xiangli.kernel.ledger import Chain
from xiangli.kernel.models import LedgerEvent
from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Appointment, County, Post, Unit
from xiangli.territory.rules import Actor, appointer, day_of, needs_second_factor

COMMAND_LINE = "command line"  # the authority of an administrator at the machine


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a preview: what a change touches, how much of it there is, and what becomes of it."""

    label: Any  # words, translated when they are shown
    count: int
    goes: Any = ""


def check_dates(valid_from: date, valid_to: date | None) -> None:
    """Refused (dates) when the first day without it does not come after the first day with it."""
    if valid_to is not None and valid_to <= valid_from:
        raise Refused("dates", _("结束日期须晚于开始日期 %(day)s。") % {"day": valid_from}, field="valid_to")


def check_post(post: Post, unit: Unit) -> None:
    """Refused (scheme, level) for a post that does not stand in `unit`, which was read with its level."""
    county = County.objects.filter(unit=unit.county_id).first()
    if county is None or county.scheme_id != post.scheme_id:
        raise Refused("scheme", _("本县的层级方案里没有“%(post)s”这个岗位。") % {"post": post.name})
    if unit.level is None or unit.level.code not in post.levels:
        raise Refused("level", _("“%(post)s”不设在“%(unit)s”这一级；请换一个单位或岗位。") % {
            "post": post.name, "unit": unit.short_name
        })  # fmt: skip


def ask_second_factor(user: Any, post: Post) -> None:
    """Let whoever gets a post that opens personal fields sign in with a second factor from now on."""
    if needs_second_factor(post.permissions) and not user.require_second_factor:
        get_user_model()._default_manager.filter(pk=user.pk).update(require_second_factor=True)
        user.require_second_factor = True


def lock(unit: Unit) -> Unit:
    """The unit's row, locked: appointments and changes of one unit follow each other."""
    return Unit.objects.select_for_update(of=("self",)).select_related("level").get(pk=unit.pk)


def authority_of(by: Actor | None, permission: str, unit: Unit) -> str:
    if by is None:
        return COMMAND_LINE
    held = by.authority(permission, unit.path)
    if held is None:
        raise Refused("not_permitted", _("您的岗位不能办理这件事；请找乡镇或县里管岗位的人。"))
    return held.authority


def record(
    unit: Unit, kind: str, by: Actor | None, authority: str, now: datetime, data: dict[str, Any]
) -> None:
    """Append one event to the unit's stream, under the lock on its row. Its head is read from the ledger:
    units change a few times in their life, so they carry no head of their own."""
    last = LedgerEvent.objects.filter(stream=unit.pk).order_by("-seq").first()
    scope: UUID = unit.county_id or unit.pk
    chain = (
        Chain(stream=unit.pk, scope=scope, seq=last.seq, head=bytes(last.hash))
        if last
        else Chain(unit.pk, scope)
    )
    chain.append(kind, at=now, actor=by.user_id if by else None, authority=authority, data=data)
    chain.save()


def right_to_appoint(by: Actor, unit: Unit, *, held: Appointment | None = None) -> str:
    """By which appointment `by` may fill, change and end posts of `unit`. Refused (not_permitted): the posts of one's
    own unit and of those above are given by the level above; `held` is the one to name."""
    authority = appointer(by, unit.path)
    if authority is not None:
        return authority.authority
    place = f"{unit.short_name} {held.post.name}" if held else unit.short_name
    if any(one.unit_path.startswith(unit.path) for one in by.held):
        raise Refused("not_permitted", _("“%(place)s”的任职由上一级管；本单位和上级单位的岗位，请上一级办理。") % {
            "place": place
        })  # fmt: skip
    raise Refused("not_permitted", _("您的岗位不管“%(place)s”的任职；请找乡镇或县里管岗位的人。") % {
        "place": place
    })  # fmt: skip


def check_not_own(by: Actor | None, user_id: UUID) -> None:
    """Refused (own_appointment): nobody appoints oneself, nor changes or ends one's own appointment."""
    if by is not None and by.user_id == user_id:
        raise Refused("own_appointment", _("自己的任职自己不能改；请上一级管岗位的人办理。"))


def check_day(by: Actor | None, day: date, now: datetime, field: str) -> None:
    """Refused (in_past) for a day that is over: who answered then stands in what was done then. The command line
    may put right what was entered late."""
    if by is not None and day < day_of(now):
        raise Refused(
            "in_past",
            _(
                "%(day)s 已经过去了：那天由谁负责已经记在办过的事里，不能改。请从今天起；确要补登的，请县里用命令行补。"
            )
            % {"day": day},
            field=field,
        )
