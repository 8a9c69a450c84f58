"""Forms of the queue: they validate shape; what an actor may see and do is asked elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from xiangli.kernel.ids import is_client_id
from xiangli.matters.models import SavedFilter
from xiangli.matters.queries import ALL, CLOSED, OPEN
from xiangli.matters.states import Stage

MOST_AT_ONCE: Final = (
    50  # matters given at once: each is a transaction of its own, and somebody waits for them all
)
_MOST_WORDS: Final = 2000
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

Pairs = Sequence[tuple[str, Any]]


class FilterForm(forms.Form):
    """What narrows the queue; all of it stands in the address. What is no choice of this person is said at its field,
    and nothing is narrowed by it."""

    lamp = forms.ChoiceField(
        required=False, choices=[*Stage.choices, ("none", _("不计时"))], widget=forms.HiddenInput
    )
    text = forms.CharField(
        label=_("搜索"),
        required=False,
        max_length=60,
        widget=forms.TextInput(
            attrs={"type": "search", "autocomplete": "off", "aria-describedby": "by-text-hint"}
        ),
    )
    state = forms.ChoiceField(label=_("状态"), required=False)
    topic = forms.ChoiceField(label=_("类别"), required=False)
    unit = forms.ChoiceField(label=_("地点"), required=False)
    net = forms.ChoiceField(label=_("专题"), required=False)
    since = forms.DateField(label=_("反映日期从"), required=False, widget=_DAY)
    until = forms.DateField(label=_("到"), required=False, widget=_DAY)
    supervised = forms.BooleanField(label=_("只看我督办的"), required=False)

    def __init__(
        self, data: Any, *, states: Pairs, topics: Pairs, units: Pairs, nets: Pairs, auto_id: str = "by-%s"
    ) -> None:
        super().__init__(data, auto_id=auto_id)
        searched = bool(
            data.get("text", "").strip()
        )  # whoever looks for one thing looks among the closed ones too
        ways = [(OPEN, _("未办结")), *states, (CLOSED, _("已结束"))]
        everything = {
            "state": (_("未办结和已结束") if searched else _("全部未办结"), ways if searched else ways[1:]),
            "topic": (_("全部类别"), topics),
            "unit": (_("全部地点"), units),
            "net": (_("全部专题"), nets),
        }
        for name, (said, choices) in everything.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", said), *choices]
            field.error_messages["invalid_choice"] = _("没有按它筛选：不在您能选的范围里。")

    def chosen(self) -> dict[str, Any]:
        """What may be gone by: the fields that are right, and say something, in the order of the form."""
        self.full_clean()
        found = ((name, self.cleaned_data.get(name)) for name in self.fields)
        return {name: value for name, value in found if value not in ("", None, False)}

    def reads(self) -> str:
        """The state by which the queue is read."""
        chosen = self.chosen()
        return str(chosen.get("state") or (ALL if "text" in chosen else OPEN))

    def said(self) -> list[str]:
        """The choice in words."""
        words = []
        for name, value in self.chosen().items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                said = str(dict(field.choices)[value]).strip()  # type: ignore[arg-type]  # pairs, as we made them
            elif isinstance(field, forms.BooleanField):
                said = str(field.label)
            else:
                said = f"{field.label} {value}"
            words.append(said)
        return words

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        since, until = found.get("since"), found.get("until")
        if since and until and since > until:
            self.add_error("until", _("结束日期在开始日期之前，请对调或改一个。"))
        return found


class FilterNameForm(forms.Form):
    """The name of a filter that somebody keeps."""

    name = forms.CharField(
        label=_("名称"),
        max_length=40,
        error_messages={
            "required": _("请给这个筛选起个名字。"),
            "max_length": _("名字最多 40 个字。"),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class SaveFilterForm(FilterNameForm):
    """A filter to keep: its name, and the part of the address after the question mark."""

    query = forms.CharField(required=False, max_length=SavedFilter._meta.get_field("query").max_length)


class GivingForm(forms.Form):
    """To whom several matters go, and the words for all of them."""

    choice = forms.ChoiceField(
        label=_("交给哪个岗位"),
        error_messages={"required": _("请选由谁办理。"), "invalid_choice": _("请选由谁办理。")},
    )
    note = forms.CharField(
        label=_("说明"),
        required=False,
        max_length=_MOST_WORDS,
        help_text=_("对每一件都一样写进经过；交给权责清单以外的岗位时，须写明为什么。"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any = None, *, choices: Pairs) -> None:
        super().__init__(data)
        field = self.fields["choice"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("请选择")), *choices]


class GivenForm(forms.Form):
    """One matter as the page of what will happen named it: its number, the seat, the act and the turn."""

    number = forms.IntegerField(min_value=1)
    to = forms.RegexField(r"^[0-9a-f-]{36}:[0-9a-f-]{36}$")
    act_id = forms.UUIDField()
    seen = forms.IntegerField(min_value=0)

    def clean_act_id(self) -> UUID:
        found: UUID = self.cleaned_data["act_id"]
        if not is_client_id(found):
            raise ValidationError(_("表单编号不对，请刷新页面再试。"), code="client_id")
        return found
