"""Forms of a county's hours and of the working calendar."""

from __future__ import annotations

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

YEARS: Final = (2020, 2100)


class HoursForm(forms.Form):
    """When desks are staffed, and when nobody is rung."""

    duty_hours = forms.CharField(
        label=_("上班时间"),
        max_length=60,
        help_text=_("如 08:00-12:00 14:30-18:00。按工作时间计的时限照这个数。"),
        error_messages={"required": _("请填上班时间。")},
    )
    quiet_hours = forms.CharField(
        label=_("静默时段"),
        max_length=20,
        required=False,
        help_text=_("如 22:00-07:00：这段时间除险情外不打电话、不发短信。留空为不设。"),
    )


class YearForm(forms.Form):
    """A year's announcement as a file."""

    year = forms.IntegerField(
        label=_("哪一年的通知"),
        min_value=YEARS[0],
        max_value=YEARS[1],
        error_messages={"required": _("请填年份。"), "invalid": _("年份是四位数字，如 2027。")},
    )
    source = forms.CharField(
        label=_("依据"),
        max_length=200,
        help_text=_("通知的文号，如 国办发明电〔2026〕9号"),
        error_messages={"required": _("请写明依据哪个通知。")},
    )
    file = forms.FileField(
        label=_("文件"),
        help_text=_("CSV 或 .xlsx，每行一天：日期、上班（1 或 0）、名称"),
        error_messages={"required": _("请选一个文件。"), "empty": _("这个文件是空的。")},
    )
