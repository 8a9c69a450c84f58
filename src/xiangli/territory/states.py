"""Words that the presets' codes stand for: what a post may answer for."""

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
