"""What an administrator fills in: shape only; whether it may be, the actions say."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from xiangli.cases.models import Category
from xiangli.cases.queries import hotlines, in_english
from xiangli.cases.states import ClockName, EvidenceRule, Intake
from xiangli.kernel.clocks import Kind, Length
from xiangli.territory.states import Duty

KINDS: Final = [
    (Kind.MINUTES.value, _("分钟")),
    (Kind.HOURS.value, _("小时")),
    (Kind.DUTY_HOURS.value, _("工作小时")),
    (Kind.WORKING_DAYS.value, _("工作日")),
    (Kind.CALENDAR_DAYS.value, _("自然日")),
]
_REQUIRED: Final = {"required": _("这一项要填。")}
_NUMBER: Final = {"required": _("这一项要填。"), "invalid": _("请填整数。")}


class CategoryForm(forms.Form):
    """A category's words and rules."""

    name = forms.CharField(label=_("名称"), max_length=40, error_messages=_REQUIRED)
    name_en = forms.CharField(label=_("英文名称"), max_length=60, error_messages=_REQUIRED)
    hint = forms.CharField(
        label=_("一句话说明"), max_length=120, required=False, help_text=_("反映人选类别时看到的。")
    )
    hint_en = forms.CharField(label=_("英文说明"), max_length=200, required=False)
    duty = forms.ChoiceField(
        label=_("归哪项职责"), choices=Duty.choices, help_text=_("权责清单没有写到时，由担这项职责的岗位办。")
    )
    intake = forms.ChoiceField(label=_("受理"), choices=Intake.choices)
    evidence = forms.ChoiceField(label=_("办结要照片吗"), choices=EvidenceRule.choices)
    verify = forms.BooleanField(label=_("每件都由别人核查"), required=False)
    verify_share = forms.IntegerField(
        label=_("不必件件核查时，每百件抽查几件"),
        min_value=0,
        max_value=100,
        initial=10,
        error_messages=_NUMBER,
    )
    public = forms.BooleanField(
        label=_("邻居扫牌时看得到这类事的类别、地点、状态"),
        required=False,
        help_text=_("只用于公共场所的事，从不显示原话和照片。"),
    )
    order = forms.IntegerField(
        label=_("排在第几"), min_value=0, max_value=32767, initial=100, error_messages=_NUMBER
    )
    hotlines = forms.MultipleChoiceField(
        label=_("同时给出的热线"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, category: Category | None = None) -> None:
        initial = (
            {name: getattr(category, name) for name in self.base_fields if name != "code"}
            if category
            else None
        )
        super().__init__(data, initial=initial)
        english = in_english()
        numbers = self.fields["hotlines"]
        assert isinstance(numbers, forms.MultipleChoiceField)
        numbers.choices = [
            (number, f"{number} {row.name_en if english else row.name}") for number, row in hotlines().items()
        ]


class NewCategoryForm(CategoryForm):
    """A category of the county's own."""

    code = forms.RegexField(
        r"^[a-z][a-z0-9_]{1,40}\Z",  # "$" would let a line end through
        label=_("代码"),
        help_text=_("小写英文字母、数字和下划线，定了不再改，如 street_light。"),
        error_messages={
            "required": _("这一项要填。"),
            "invalid": _("只用小写字母、数字和下划线，以字母开头。"),
        },
    )
    field_order = ("code",)


class LimitForm(forms.Form):
    """A limit from a day on."""

    clock = forms.ChoiceField(label=_("哪个时限"), choices=ClockName.choices)
    amount = forms.IntegerField(label=_("多少"), min_value=1, max_value=10000, error_messages=_NUMBER)
    kind = forms.ChoiceField(label=_("按什么数"), choices=KINDS)
    valid_from = forms.DateField(
        label=_("从哪天起"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=_("最早明天；那天起反映的事按它，以前的不变。"),
        error_messages={"required": _("请填日期。"), "invalid": _("请写成 2026-12-01 这样的日期。")},
    )
    source = forms.CharField(
        label=_("依据"),
        max_length=200,
        help_text=_("哪个文件、第几条。"),
        error_messages={"required": _("请写明依据，比如文件名和文号。")},
    )

    @property
    def length(self) -> Length:
        return Length(self.cleaned_data["amount"], Kind(self.cleaned_data["kind"]))

    @property
    def day(self) -> date:
        day: date = self.cleaned_data["valid_from"]
        return day


class ListForm(forms.Form):
    """A workbook."""

    file = forms.FileField(
        label=_("清单文件"),
        help_text=_(".xlsx 或 .csv，最多 5000 行、5 MB"),
        error_messages={"required": _("请选一个文件。"), "empty": _("这个文件是空的。")},
    )
