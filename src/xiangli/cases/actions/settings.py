"""What a county's administrator decides of categories and limits: each change stands in the county's ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from xiangli.cases.actions.categories import give_limits
from xiangli.cases.actions.responsibilities import import_responsibilities
from xiangli.cases.models import Category, Hotline, Limit
from xiangli.cases.queries import ReadList, forget_known
from xiangli.cases.states import ClockName, Intake
from xiangli.kernel.clocks import Length
from xiangli.kernel.refusals import Refused
from xiangli.matters.states import Visibility
from xiangli.territory import actions as territory
from xiangli.territory.models import Unit
from xiangli.territory.rules import Actor, day_of
from xiangli.territory.states import Duty

# What the page may change. Whether a category is private or sealed is no setting: rights.md decides that.
FIELDS: Final = (
    "name", "name_en", "hint", "hint_en", "duty", "intake", "evidence", "verify", "verify_share", "public", "order",
)  # fmt: skip
RESERVED: Final = frozenset({"new"})  # the address of the form that adds one


@transaction.atomic
def set_category(
    *, by: Actor, category: Category, values: Mapping[str, Any], hotlines: Sequence[str]
) -> Category:
    """Change a category. Open cases go on as they are; what is reported from now on goes by it.

    Raises Refused: not_permitted, sealed_stays_closed, public_is_ordinary, complaints_private, complaints_open,
    nowhere_to_turn, no_hotline.
    """
    # Not FOR UPDATE: a limit that is being written holds the category's key, and waits for the county's row.
    locked = Category.objects.select_for_update(no_key=True).get(pk=category.pk)
    before = {field: getattr(locked, field) for field in FIELDS}
    for field in FIELDS:
        setattr(locked, field, values[field])
    _check(locked, hotlines, was=before["duty"])
    changed = {field: getattr(locked, field) for field in FIELDS if getattr(locked, field) != before[field]}
    if list(hotlines) != locked.hotlines:
        changed["hotlines"] = locked.hotlines = list(hotlines)
    if changed:
        territory.record_setting(by=by, kind="set_category", data={"category": locked.code, "set": changed})
        locked.save()
        forget_known()
    return locked


@transaction.atomic
def add_category(*, by: Actor, code: str, values: Mapping[str, Any], hotlines: Sequence[str]) -> Category:
    """An ordinary category of one's own, with the usual limits. Raises Refused: code_taken, and as `set_category`."""
    if code in RESERVED or Category.objects.filter(code=code).exists():
        raise _taken(code)
    category = Category(
        code=code, visibility=Visibility.ORDINARY, **{field: values[field] for field in FIELDS}
    )
    category.hotlines = list(hotlines)
    _check(category, hotlines)
    territory.record_setting(
        by=by,
        kind="add_category",
        data={
            "category": code,
            "set": {field: values[field] for field in FIELDS},
            "hotlines": list(hotlines),
        },
    )
    try:
        with transaction.atomic():
            category.save(force_insert=True)
    except IntegrityError as error:  # sent twice, or another county's administrator was a moment earlier
        raise _taken(code) from error
    give_limits(category)
    forget_known()
    return category


def _taken(code: str) -> Refused:
    return Refused("code_taken", _("代码 %(code)s 已经有了，请换一个。") % {"code": code}, field="code")


def _check(category: Category, hotlines: Sequence[str], *, was: str = "") -> None:
    """`was`: the duty it had."""
    if category.visibility == Visibility.SEALED and category.intake != Intake.CLOSED:
        raise Refused(
            "sealed_stays_closed",
            _("这一类要等保密通道、查看登记和它们的检验都到位才能开放；现在页面上给出热线和窗口。"),
            field="intake",
        )
    if category.public and category.visibility != Visibility.ORDINARY:
        raise Refused("public_is_ordinary", _("不公开的事项不能给邻居看。"), field="public")
    complaints = category.duty == Duty.COMPLAINTS
    if complaints and category.visibility == Visibility.ORDINARY:
        raise Refused(
            "complaints_private",
            _("对办事人的投诉不公开，也不经过被投诉的人，已有专门一类；别的类别不能归服务投诉。"),
            field="duty",
        )
    if category.visibility == Visibility.PRIVATE and was == Duty.COMPLAINTS:
        # one tap away on every public page, and never through those whom it is about
        if not complaints:
            raise Refused(
                "complaints_private",
                _("这一类只能归服务投诉：换了职责，投诉会到被投诉的人手里。"),
                field="duty",
            )
        if category.intake != Intake.OPEN:
            raise Refused("complaints_open", _("对办事人的投诉一直受理，不能关。"), field="intake")
    if category.intake != Intake.OPEN and not hotlines:
        raise Refused(
            "nowhere_to_turn",
            _("暂不受理的类别要给出至少一个热线，让人知道去找谁。"),
            field="hotlines",
        )
    if unknown := set(hotlines) - set(Hotline.objects.values_list("number", flat=True)):
        raise Refused(
            "no_hotline", _("没有登记过热线 %(number)s。") % {"number": min(unknown)}, field="hotlines"
        )


@transaction.atomic
def set_limit(
    *, by: Actor, category: Category, clock: str, length: Length, valid_from: date, source: str, now: datetime
) -> Limit:
    """A limit from a day on. Cases reported before go on by the one of their day; a limit already in force is never
    changed, because cases were judged by it.

    Raises Refused: not_permitted, limit_begun, no_source.
    """
    if valid_from <= day_of(now):
        raise Refused(
            "limit_begun",
            _("新的时限最早从明天起：今天的事已经按原来的时限在计时。"),
            field="valid_from",
        )
    if not source.strip():
        raise Refused("no_source", _("请写明依据，比如文件名和文号。"), field="source")
    territory.record_setting(
        by=by,
        kind="set_limit",
        data={
            "category": category.code, "clock": clock, "amount": length.amount, "kind": length.kind.value,
            "from": valid_from.isoformat(), "source": source.strip(),
        },
    )  # fmt: skip
    limit, _created = Limit.objects.update_or_create(
        category=category,
        clock=ClockName(clock),
        valid_from=valid_from,
        defaults={"amount": length.amount, "kind": length.kind.value, "source": source.strip()},
    )
    forget_known()
    return limit


@transaction.atomic
def drop_limit(*, by: Actor, limit: Limit, now: datetime) -> None:
    """Take back a limit that has not begun. Raises Refused: not_permitted, limit_begun."""
    if limit.valid_from <= day_of(now):
        raise Refused("limit_begun", _("这条时限已经生效，不能删；请从以后的日期起写一条新的。"))
    territory.record_setting(
        by=by,
        kind="drop_limit",
        data={"category": limit.category.code, "clock": limit.clock, "from": limit.valid_from.isoformat()},
    )
    limit.delete()
    forget_known()


@transaction.atomic
def enter_responsibilities(*, by: Actor, county: Unit, content: bytes, now: datetime) -> ReadList:
    """Import a list of responsibilities as the county's administrator: all of it, or nothing where a row is wrong."""
    territory.record_setting(
        by=by, kind="enter_responsibilities", data={"bytes": len(content)}, county_id=county.pk
    )
    read = import_responsibilities(content, county=county, now=now)
    if not read.sound:
        transaction.set_rollback(True)
    return read
