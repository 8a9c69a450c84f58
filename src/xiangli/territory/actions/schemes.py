"""A county's own scheme: its levels, its posts, and what these answer for and may do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions.common import authority_of, lock, record
from xiangli.territory.actions.presets import presets
from xiangli.territory.models import Appointment, County, Level, Post, Scheme, Unit
from xiangli.territory.rules import (
    MANAGE_SETTINGS,
    ORGAN,
    Actor,
    day_of,
    needs_second_factor,
    plate_code_from,
)
from xiangli.territory.states import Duty, verb_labels

_CODE = re.compile("[a-z][a-z0-9_]{1,38}")
_BATCH = 1000


def edit_level(
    *, by: Actor | None = None, county: Unit, level: Level, name: str, name_en: str, has_plate: bool
) -> Level:
    """Change how a level is called, and whether its units carry plates: where they begin to, each that stands gets its
    code. Plates that hang go on leading to their units.

    Raises Refused: name_missing, shared_scheme, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked, authority = _open_scheme(by, county)
        row = Level.objects.select_for_update().get(pk=level.pk, scheme__counties=locked.pk)
        row.name, row.name_en = _named(name), name_en.strip() or name.strip()
        plated = has_plate and not row.has_plate
        row.has_plate = has_plate
        row.save(update_fields=["name", "name_en", "has_plate"])
        given = _give_plates(locked, row, now) if plated else 0
        data = {"level": row.code, "has_plate": has_plate, "plates": given}
        record(locked, "edit_level", by, authority, now, data)
    return row


def add_level(
    *,
    by: Actor | None = None,
    county: Unit,
    below: Level,
    code: str,
    name: str,
    name_en: str,
    has_plate: bool,
) -> Level:
    """Add a level below another. Units of it are opened afterwards, and it wants a post of its own.

    Raises Refused: code, code_taken, no_place_below (an organ has none), name_missing, shared_scheme, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked, authority = _open_scheme(by, county)
        above = Level.objects.get(pk=below.pk, scheme__counties=locked.pk)
        if above.code == ORGAN:
            raise Refused("no_place_below", _("部门不管地方，下面不能再设一级。"))
        row = Level.objects.create(
            scheme_id=above.scheme_id,
            parent=above,
            code=_free_code(
                code, Level.objects.filter(scheme=above.scheme_id).values_list("code", flat=True)
            ),
            rank=above.rank + 1,
            name=_named(name),
            name_en=name_en.strip() or name.strip(),
            has_plate=has_plate,
        )
        record(locked, "add_level", by, authority, now, {"level": row.code, "below": above.code})
    return row


def edit_post(
    *,
    by: Actor | None = None,
    county: Unit,
    post: Post,
    name: str,
    name_en: str,
    order: int,
    on_plate: bool,
    duties: Collection[str],
    permissions: Collection[str],
) -> Post:
    """Change how a post is called and where it stands on a plate, what it answers for, and what it may do; that holds
    for everybody in it from their next page on.

    Raises Refused: own_post (what one's own post may do, another decides), duties, permissions, name_missing,
    shared_scheme, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked, authority = _open_scheme(by, county)
        row = Post.objects.select_for_update().get(pk=post.pk, scheme__counties=locked.pk)
        duties, permissions = _known_duties(duties, row.duties), _known_verbs(permissions, row.permissions)
        held = by is not None and any(one.post_id == row.pk for one in by.held)
        if held and (set(duties), set(permissions)) != (set(row.duties), set(row.permissions)):
            raise Refused(
                "own_post", _("自己担任的岗位，职责和权限自己不能改；请另一位管设置的人，或县里用命令行改。")
            )
        data: dict[str, Any] = {
            "post": row.code,
            "duties": {"from": sorted(row.duties), "to": sorted(duties)},
            "permissions": {"from": sorted(row.permissions), "to": sorted(permissions)},
        }
        row.name, row.name_en = _named(name), name_en.strip() or name.strip()
        row.order, row.on_plate = order, on_plate
        row.duties, row.permissions = duties, permissions
        row.save()
        _ask_second_factor(row, now)
        record(locked, "edit_post", by, authority, now, data)
    return row


def add_post(
    *,
    by: Actor | None = None,
    county: Unit,
    code: str,
    name: str,
    name_en: str,
    levels: Sequence[str],
    single: bool,
    order: int,
    on_plate: bool,
    duties: Collection[str],
    permissions: Collection[str],
) -> Post:
    """Add a post to units of some levels. `single`: one holder at a time in a unit.

    Raises Refused: code, code_taken, levels, duties, permissions, name_missing, shared_scheme, not_permitted.
    """
    now = clock.now()
    with transaction.atomic():
        locked, authority = _open_scheme(by, county)
        scheme = Scheme.objects.get(counties=locked.pk)
        known = set(scheme.levels.values_list("code", flat=True))
        if not levels or not set(levels) <= known:
            raise Refused("levels", _("请选这个岗位设在哪一级。"), field="levels")
        row = Post.objects.create(
            scheme=scheme,
            code=_free_code(code, scheme.posts.values_list("code", flat=True)),
            name=_named(name),
            name_en=name_en.strip() or name.strip(),
            levels=list(levels),
            single=single,
            order=order,
            on_plate=on_plate,
            duties=_known_duties(duties, ()),
            permissions=_known_verbs(permissions, ()),
        )
        record(
            locked, "add_post", by, authority, now,
            {
                "post": row.code, "levels": list(levels), "duties": sorted(row.duties),
                "permissions": sorted(row.permissions),
            },
        )  # fmt: skip
    return row


def _open_scheme(by: Actor | None, county: Unit) -> tuple[Unit, str]:
    """The county, locked, with its scheme ready to be written: one of the package becomes the county's own, which no
    later version writes over."""
    locked = lock(county)
    authority = authority_of(by, MANAGE_SETTINGS, locked)
    profile = County.objects.select_related("scheme").filter(unit=locked).first()
    if profile is None:
        raise Refused("no_scheme", _("这个县还没有选用层级方案；请用 xiangli import-units --county 导入它。"))
    scheme = Scheme.objects.select_for_update().get(pk=profile.scheme_id)
    sharing = County.objects.filter(scheme=scheme).exclude(pk=locked.pk).select_related("unit")
    others = [row for row in sharing if by is not None and not by.may(MANAGE_SETTINGS, row.unit.path)]
    if others:
        names = "、".join(row.unit.short_name for row in others)
        raise Refused(
            "shared_scheme",
            _("这个层级方案%(names)s也在用，一处改了处处都变；请由上级统一改，或先让本县换用自己的方案文件。")
            % {"names": names},
        )
    if scheme.code in presets():
        scheme.code = f"own-{(locked.code or locked.path).strip('/').replace('/', '')}"[:40]
        scheme.save(update_fields=["code"])
    return locked, authority


def _named(name: str) -> str:
    if not name.strip():
        raise Refused("name_missing", _("请填名称。"), field="name")
    return name.strip()


def _free_code(code: str, used: Any) -> str:
    if _CODE.fullmatch(code) is None:
        raise Refused(
            "code", _("代码用小写字母开头，只含小写字母、数字和下划线，如 courtyard。"), field="code"
        )
    if code in set(used):
        raise Refused("code_taken", _("代码 %(code)s 已经用了，请换一个。") % {"code": code}, field="code")
    return code


def _known_duties(duties: Collection[str], there: Collection[str]) -> list[str]:
    """In the catalogue's order; a duty of the county's own file stays where it stood."""
    if not set(duties) <= set(Duty.values) | set(there):
        raise Refused("duties", _("请从列出的职责里选。"), field="duties")
    return [*(duty for duty in Duty.values if duty in duties), *sorted(set(duties) - set(Duty.values))]


def _known_verbs(permissions: Collection[str], there: Collection[str]) -> list[str]:
    known = verb_labels()
    if not set(permissions) <= known.keys() | set(there):
        raise Refused("permissions", _("请从列出的权限里选。"), field="permissions")
    return [*(verb for verb in known if verb in permissions), *sorted(set(permissions) - known.keys())]


def _ask_second_factor(post: Post, now: datetime) -> None:
    """Whoever is in a post that opens personal fields signs in with a second factor from now on."""
    if needs_second_factor(post.permissions):
        holders = Appointment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=day_of(now)), post=post)
        get_user_model()._default_manager.filter(
            pk__in=holders.values("user"), require_second_factor=False
        ).update(require_second_factor=True)


def _give_plates(county: Unit, level: Level, now: datetime) -> int:
    """A plate code for each unit of the level that has none and has not ended."""
    bare = list(
        Unit.objects.filter(
            Q(valid_to=None) | Q(valid_to__gt=day_of(now)), county=county, level=level, plate_code=None
        ).only("id")
    )
    codes: set[str] = set()
    while len(codes) < len(bare):
        drawn = {plate_code_from(secrets.randbits(35)) for _each in range(len(bare) - len(codes))}
        codes |= drawn - set(Unit.objects.filter(plate_code__in=drawn).values_list("plate_code", flat=True))
    for unit, code in zip(bare, codes, strict=True):
        unit.plate_code = code
    Unit.objects.bulk_update(bare, ["plate_code"], batch_size=_BATCH)
    return len(bare)
