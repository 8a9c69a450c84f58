"""The phone's tabs and the desk's menu, in order: config alone knows every module's pages."""

from collections.abc import Collection
from functools import cache
from typing import Final

from django.utils.translation import gettext_lazy as _

from xiangli.web.navigation import Item, existing

HUB: Final = "territory:settings"
_OPENS_HUB: Final = frozenset(
    {"appoint_staff", "end_unit", "manage_settings"}
)  # any of them, as its page says

FIELD_TABS: Final = (
    Item(_("待办"), "cases:tasks", "inbox"),
    Item(_("上报"), "cases:field_report", "camera"),
    Item(_("辖区"), "territory:area", "pin"),
    Item(_("消息"), "notices:inbox", "bell", counts_notices=True),
    Item(_("我的"), "accounts:me", "user"),
)

DESK_MENU: Final = (
    Item(_("受理台"), "matters:queue", "inbox"),
    Item(_("我的待办"), "cases:tasks", "check"),
    Item(_("来电来访"), "cases:intake", "phone", verb="assign_case"),
    Item(_("上报"), "cases:field_report", "camera", verb="report_case"),
    Item(_("外来工单"), "cases:orders", "list", verb="import_orders"),
    Item(_("地图"), "insight:map", "map", of_place=True),
    Item(_("统计"), "insight:figures", "chart", of_place=True),
    Item(_("单位与岗位"), "insight:units", "house"),
    Item(_("权责清单"), "cases:responsibilities", "list"),
    Item(_("值班表"), "territory:on_call", "clock"),
    Item(_("人员开通"), "territory:enrol_people", "people", verb="enrol_staff"),
    Item(_("公示牌"), "territory:plates", "print", verb="print_plate"),
    Item(_("管理"), HUB, "settings"),
    Item(_("没有送到的消息"), "notices:deliveries", "alert", verb="retry_delivery"),
    Item(_("消息"), "notices:inbox", "bell", counts_notices=True),
    Item(_("我的"), "accounts:me", "user"),
)

# What an administrator looks after, on the page "管理".
SETTINGS: Final = (
    Item(
        _("单位"), "territory:list_units", "house", verb="end_unit",
        hint=_("设立、更名、合并、拆分、撤销；先看会动到什么。"),
    ),
    Item(
        _("人员"), "territory:people", "people", verb="appoint_staff",
        hint=_("谁在什么岗位；外出、代理、离岗。"),
    ),
    Item(
        _("任命"), "territory:find_seats", "user", verb="appoint_staff",
        hint=_("一个单位有哪些岗位、谁在岗、哪里空着。"),
    ),
    Item(
        _("用表格导入任职"), "territory:import_people", "download", verb="appoint_staff",
        hint=_("一次任命许多人：先逐行检查，再写入。"),
    ),
    Item(
        _("用表格导入单位"), "territory:import_units", "download", verb="end_unit",
        hint=_("一次开设许多单位：先逐行检查，再写入。"),
    ),
    Item(_("人员开通"), "territory:enrol_people", "phone", verb="enrol_staff", hint=_("给新来的人发开通链接。")),
    Item(_("值班表"), "territory:on_call", "clock", verb="set_on_call", hint=_("夜里和节假日谁接险情。")),
    Item(
        _("公示牌"), "territory:plates", "print", verb="print_plate",
        hint=_("打印公示牌和责任公示，看哪些该换。"),
    ),
    Item(
        _("层级和岗位"), "territory:scheme", "settings", verb="manage_settings",
        hint=_("有哪几级、每级设什么岗位、岗位管什么、能做什么。"),
    ),
    Item(
        _("类别与时限"), "cases:categories", "list", verb="manage_settings",
        hint=_("反映什么、归谁管、多久办好。"),
    ),
    Item(_("工作日历"), "territory:calendar", "clock", verb="manage_settings", hint=_("一年的放假和调休。")),
    Item(
        _("上班时间"), "territory:hours", "clock", verb="manage_settings",
        hint=_("按工作时间计的时限照它数；静默时段不打扰人。"),
    ),
    Item(
        _("导入权责清单"), "cases:import_list", "list", verb="manage_settings",
        hint=_("哪类事情发生在哪一级，先交给谁。"),
    ),
)  # fmt: skip


@cache
def _pages() -> tuple[list[Item], list[Item], list[Item]]:
    return existing(FIELD_TABS), existing(DESK_MENU), existing(SETTINGS)


def navigation(verbs: Collection[str], *, at_place: bool = True) -> dict[str, list[Item]]:
    """What the shells show to somebody whose posts grant `verbs`: `tabs` of the phone, `menu` of the desk; and what
    the page of an administrator leads to. `at_place`: a post of theirs stands at a place; an organ has no map."""
    tabs, menu, settings = _pages()
    return {
        "tabs": tabs,
        "menu": [item for item in menu if _shown(item, verbs) and (at_place or not item.of_place)],
        "settings": [item for item in settings if _shown(item, verbs)],
    }


def _shown(item: Item, verbs: Collection[str]) -> bool:
    if item.view == HUB:
        return not _OPENS_HUB.isdisjoint(verbs)
    return not item.verb or item.verb in verbs
