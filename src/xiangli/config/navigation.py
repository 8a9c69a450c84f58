"""The phone's tabs and the desk's menu, in order: config alone knows every module's pages."""

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
    Item(_("受理台"), "cases:desk", "inbox"),
    Item(_("我的待办"), "cases:tasks", "check"),
    Item(_("上报"), "cases:field_report", "camera"),
    Item(_("权责清单"), "cases:responsibilities", "list"),
    Item(_("单位与岗位"), "territory:units", "house"),
    Item(_("人员开通"), "territory:enrol_people", "people"),
    Item(_("值班表"), "territory:on_call", "clock"),
    Item(_("没有送到的消息"), "notices:deliveries", "alert"),
    Item(_("消息"), "notices:inbox", "bell", counts_notices=True),
    Item(_("我的"), "accounts:me", "user"),
)


@cache
def navigation() -> dict[str, list[Item]]:
    """What the shells show: `tabs` of the phone, `menu` of the desk."""
    return {"tabs": existing(FIELD_TABS), "menu": existing(DESK_MENU)}
