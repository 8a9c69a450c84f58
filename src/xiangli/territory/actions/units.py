"""Units are opened; and the hours of a county."""

import re
import secrets
from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.kernel.clocks import parse_hours
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import authority_of, lock, record
from xiangli.territory.actions.plans import next_label
from xiangli.territory.models import County, Level, Unit, UnitKind
from xiangli.territory.queries.lookups import forget_hours
from xiangli.territory.rules import (
    END_UNIT,
    MANAGE_SETTINGS,
    ORGAN,
    Actor,
    in_force,
    is_label,
    overlap,
    parse_quiet_hours,
    plate_code_from,
)


def open_unit(
    *,
    by: Actor | None = None,
    parent: Unit,
    level: Level,
    label: str = "",
    name: str,
    short_name: str = "",
    name_en: str = "",
    code: str = "",
    valid_from: date,
    lat: float | None = None,
    lng: float | None = None,
) -> Unit:
    """Open a unit under `parent`, with a plate where its level carries one. `label` is its last step of the
    path ("02"), which is never used again, not even after the unit ended; without one, the next that is free.

    Raises Refused: level_below, label_taken, code_in_force, parent_ended, parent_ends, label, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        above = lock(parent)
        label = label or _free_label(above, level, code)
        if not is_label(label):
            raise Refused("label", _("编号只能用 1 到 8 个数字或小写字母，如“02”。"), field="label")
        if level.parent_id != above.level_id:
            raise Refused("level_below", _("“%(level)s”不能设在“%(unit)s”下面；请按本县的层级方案选择。") % {
                "level": level.name, "unit": above.short_name
            })  # fmt: skip
        if not in_force(above.valid_from, above.valid_to, valid_from):
            raise Refused("parent_ended", _("上级单位在这一天不存在；请换一个日期或上级单位。"))
        authority = authority_of(by, END_UNIT, above)
        if (
            above.valid_to is not None
        ):  # its end was written for what lay below it then: this would be left behind
            raise Refused(
                "parent_ends",
                _("“%(unit)s”已定于 %(day)s 撤并；请到那天以后，在接续它的单位下面设立。")
                % {"unit": above.short_name, "day": above.valid_to},
            )
        path = f"{above.path}{label}/"
        if Unit.objects.filter(path=path).exists():
            raise Refused(
                "label_taken",
                _("编号 %(label)s 用过了；撤销的单位也不再让出编号，请换一个。") % {"label": label},
            )
        if code:
            check_code_free(code, valid_from)
        unit = Unit.objects.create(
            kind=UnitKind.ORGAN if level.code == ORGAN else UnitKind.PLACE,
            county_id=above.county_id,
            parent=above,
            level=level,
            path=path,
            code=code,
            name=name,
            short_name=short_name or name,
            name_en=name_en,
            plate_code=_new_plate_code() if level.has_plate else None,
            lat=lat,
            lng=lng,
            valid_from=valid_from,
        )
        record(unit, "open_unit", by, authority, now, {"path": path, "from": valid_from.isoformat()})
    return unit


def open_organ(
    *,
    by: Actor | None = None,
    county: Unit,
    name: str,
    short_name: str = "",
    name_en: str = "",
    valid_from: date,
) -> Unit:
    """Open an organ of a county, such as its water bureau: a unit with posts and no place. Its path ends in the
    next free number ("o7/").

    Raises Refused: no_scheme, name_taken, and what `open_unit` refuses.
    """
    with transaction.atomic():
        above = lock(county)
        level = Level.objects.filter(scheme__counties=above.pk, code=ORGAN).first()
        if level is None:
            raise Refused(
                "no_scheme",
                _(
                    "“%(unit)s”的层级方案里没有“部门”这一级；请先运行 xiangli migrate 更新方案，或在县一级设部门。"
                )
                % {"unit": above.short_name},
            )
        organs = Unit.objects.filter(parent=above, kind=UnitKind.ORGAN)
        for other in organs.filter(name=name):
            if overlap(other.valid_from, other.valid_to, valid_from, None):
                raise Refused("name_taken", _("“%(name)s”已经设了，路径是 %(path)s。") % {
                    "name": name, "path": other.path
                }, field="name")  # fmt: skip
        labels = (path.removeprefix(above.path) for path in organs.values_list("path", flat=True))
        used = [int(label[1:-1]) for label in labels if re.fullmatch(r"o\d+/", label)]
        return open_unit(
            by=by,
            parent=above,
            level=level,
            label=f"o{max(used, default=0) + 1}",
            name=name,
            short_name=short_name,
            name_en=name_en,
            valid_from=valid_from,
        )


def _free_label(above: Unit, level: Level, code: str) -> str:
    """The end of a statutory code, which says where the unit belongs; else the next number of its level."""
    rows = list(Unit.objects.filter(parent=above).order_by("path").values_list("path", "level_id"))
    used = {path.rstrip("/").rpartition("/")[2] for path, _level in rows}
    if (
        above.code
        and code.startswith(above.code)
        and is_label(own := code[len(above.code) :])
        and own not in used
    ):
        return own
    like = [path.rstrip("/").rpartition("/")[2] for path, one in rows if one == level.pk]
    return next_label(like[-1] if like else "01", used)


def check_code_free(code: str, valid_from: date, valid_to: date | None = None) -> None:
    """One unit in force per statutory code: codes are used again after a merge. Refused: code_in_force."""
    for unit in Unit.objects.filter(code=code):
        if overlap(unit.valid_from, unit.valid_to, valid_from, valid_to):
            raise Refused("code_in_force", _("代码 %(code)s 现由“%(unit)s”使用；须先结束旧单位。") % {
                "code": code, "unit": unit.short_name
            })  # fmt: skip


def _new_plate_code() -> str:
    while True:
        code = plate_code_from(secrets.randbits(35))
        if not Unit.objects.filter(plate_code=code).exists():
            return code


def set_hours(
    *, by: Actor | None = None, county: Unit, duty_hours: str | None = None, quiet_hours: str | None = None
) -> County:
    """Say when the desks of a county are staffed ("08:00-12:00 14:30-18:00") and when nobody is rung or written
    to but for danger ("22:00-07:00"; "" for never); None leaves what there is.

    A limit that is counted in duty hours goes by the new ones from its next change on: nothing that runs is
    counted anew. Raises Refused: no_scheme, invalid_hours, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked = lock(county)
        profile = County.objects.filter(unit=locked).first()
        if profile is None:
            raise Refused("no_scheme", _("“%(unit)s”不是已导入的县；请用 xiangli import-units --county 导入它。") % {
                "unit": locked.short_name
            })  # fmt: skip
        authority = authority_of(by, MANAGE_SETTINGS, locked)
        try:
            if duty_hours is not None:
                parse_hours(duty_hours)
                profile.duty_hours = duty_hours
            if quiet_hours:
                parse_quiet_hours(quiet_hours)
        except ValueError as error:
            raise Refused(
                "invalid_hours",
                _(
                    "时间写得不对：上班时间请按先后写成 08:00-12:00 14:30-18:00，不要重叠；静默时段请写成 22:00-07:00。"
                ),
            ) from error
        if quiet_hours is not None:
            profile.quiet_hours = quiet_hours
        profile.save(update_fields=["duty_hours", "quiet_hours"])
        hours = {"duty_hours": profile.duty_hours, "quiet_hours": profile.quiet_hours}
        record(locked, "set_hours", by, authority, now, hours)
    forget_hours()
    return profile
