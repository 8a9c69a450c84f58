"""Words that the presets' codes stand for: what a post may answer for."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Duty(models.TextChoices):
    """The lane head's catalogue, eight and three; then what only posts above or beside the lane answer
    for."""

    DISPUTES = "disputes", _("矛盾化解")
    HAZARDS = "hazards", _("隐患排查")
    INFORMATION = "information", _("信息上报")
    ENVIRONMENT = "environment", _("环境卫生")
    VOICES = "voices", _("民意诉求")
    TRAFFIC = "traffic", _("交通秩序")
    GREENING = "greening", _("绿化管理")
    FACILITIES = "facilities", _("市政设施")
    WORK_SAFETY = "work_safety", _("安全生产")
    PUBLIC_SAFETY = "public_safety", _("治安防范")
    SERVICES = "services", _("便民服务")
    LEGAL = "legal", _("法律咨询")
    POLICE = "police", _("警务联络")
    CLOSE = "close", _("核查反馈")
    COMPLAINTS = "complaints", _("服务投诉")


CATALOGUE = tuple(Duty)[:11]

# What the verbs of permissions mean, in words: ours, and those that modules above register for theirs.
_VERBS: dict[str, Any] = {
    "appoint_staff": _("任命下级岗位，登记外出，改值班电话"),
    "end_unit": _("开设、改名、撤并单位"),
    "enrol_staff": _("给下级的人发开通链接"),
    "print_plate": _("打印公示牌"),
    "set_on_call": _("排值班"),
    "manage_settings": _("管类别、时限、清单、层级岗位和日历"),
}


def register_verbs(labels: Mapping[str, Any]) -> None:
    """Called by the app config of a module whose pages ask for permissions: what each allows, in words."""
    _VERBS.update(labels)


def verb_labels() -> dict[str, str]:
    """Every verb that a post may grant, in the active language."""
    return {verb: str(label) for verb, label in _VERBS.items()}
