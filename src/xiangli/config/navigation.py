"""The phone's tabs and the desk's menu, in order: config alone knows every module's pages."""

from collections.abc import Collection
from functools import cache
from typing import Final

from django.utils.translation import gettext_lazy as _

from xiangli.web.navigation import Item, existing

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
    Item(_("上报"), "cases:field_report", "camera"),
    Item(_("外来工单"), "cases:orders", "list", verb="import_orders"),
    Item(_("地图"), "insight:map", "map"),
    Item(_("统计"), "insight:figures", "chart"),
    Item(_("单位与岗位"), "insight:units", "house"),
    Item(_("权责清单"), "cases:responsibilities", "list"),
    Item(_("值班表"), "territory:on_call", "clock"),
    Item(_("人员开通"), "territory:enrol_people", "people", verb="enrol_staff"),
    Item(_("公示牌"), "territory:plates", "print", verb="print_plate"),
    Item(_("管理"), "territory:settings", "settings", verb="appoint_staff"),
    Item(_("没有送到的消息"), "notices:deliveries", "alert", verb="retry_delivery"),
    Item(_("消息"), "notices:inbox", "bell", counts_notices=True),
    Item(_("我的"), "accounts:me", "user"),
)


@cache
def _pages() -> tuple[list[Item], list[Item]]:
    return existing(FIELD_TABS), existing(DESK_MENU)


def navigation(verbs: Collection[str]) -> dict[str, list[Item]]:
    """What the shells show to somebody whose posts grant `verbs`: `tabs` of the phone, `menu` of the desk."""
    tabs, menu = _pages()
    return {"tabs": tabs, "menu": [item for item in menu if not item.verb or item.verb in verbs]}
