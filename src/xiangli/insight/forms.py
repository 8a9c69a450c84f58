"""Forms of insight: they validate shape only."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class FigureForm(forms.Form):
    """A figure of a unit: what, how much, counted in what, as of which day, from where."""

    name = forms.CharField(
        label=_("名称"),
        max_length=40,
        help_text=_("如：户数、常住人口、街巷数。"),
        error_messages={"required": _("请写是什么数字。")},
    )
    value = forms.DecimalField(
        label=_("数值"),
        max_digits=16,
        decimal_places=2,
        error_messages={"required": _("请填数值。"), "invalid": _("请填数字，如 318 或 58.2。")},
    )
    measure = forms.CharField(
        label=_("计量单位"),
        max_length=20,
        help_text=_("如：户、人、万人、%。"),
        error_messages={"required": _("请写计量单位。")},
    )
    as_of = forms.DateField(
        label=_("截至"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("这个数字是哪一天的。"),
        error_messages={
            "required": _("请填截止日期。"),
            "invalid": _("请写成 2026-11-22 这样的日期。"),
        },
    )
    source = forms.CharField(
        label=_("来源"),
        max_length=200,
        help_text=_("如：2025 年统计年鉴、村委会 11 月清点。"),
        error_messages={"required": _("请写数字从哪里来。")},
    )
