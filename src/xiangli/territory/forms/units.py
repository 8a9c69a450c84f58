"""Forms of an administrator of units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from xiangli.territory.actions import Named
from xiangli.territory.forms.people import day
from xiangli.territory.models import Level, Unit

ANEW = "new"


def _name(label: Any, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=80, error_messages={"required": _("请写名称。")}, **more)


def _code() -> forms.CharField:
    return forms.CharField(
        label=_("统计用代码"),
        max_length=20,
        required=False,
        validators=[RegexValidator(r"^\d{6,20}$", _("代码只有数字，如 140821201206。"))],
        help_text=_("有统计用区划代码的才填；网格、街巷没有。"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


class _Called(forms.Form):
    """How a unit is called."""

    name = _name(_("全称"), help_text=_("如“北姚村委会”。"))
    short_name = _name(_("平时怎么叫"), required=False, help_text=_("如“北姚村”；不填就用全称。"))
    name_en = forms.CharField(label=_("英文名"), max_length=120, required=False)
    code = _code()

    @property
    def named(self) -> Named:
        data = self.cleaned_data
        return Named(data["name"], data["short_name"], data["name_en"], data["code"])


class OpenUnitForm(_Called):
    """A new unit below another."""

    level = forms.ChoiceField(label=_("设哪一级"), error_messages={"required": _("请选一级。")})
    since = day(_("从哪天起"))

    field_order = ("level", "name", "short_name", "name_en", "code", "since")

    def __init__(self, data: Any = None, *, levels: Sequence[Level], english: bool, today: date) -> None:
        super().__init__(data, initial={"since": today})
        level = self.fields["level"]
        assert isinstance(level, forms.ChoiceField)
        choices: list[tuple[str, Any]] = [
            (str(one.pk), one.name_en if english else one.name) for one in levels
        ]
        level.choices = choices if len(choices) == 1 else [("", _("请选")), *choices]


class RenameUnitForm(_Called):
    """What a unit has been called since a day."""

    on = day(_("从哪天起"), help_text=_("批准更名的那天；今天或以前。"))

    def __init__(self, data: Any = None, *, unit: Unit, today: date) -> None:
        names = {key: getattr(unit, key) for key in ("name", "short_name", "name_en", "code")}
        super().__init__(data, initial={**names, "on": today})


def _first_day(today: date) -> forms.DateField:
    field = day(_("从哪天起"), help_text=_("旧单位不再有的第一天；可以是以后的日期，到那天再移交。"))
    field.widget.attrs["min"] = today.isoformat()
    return field


class MergeUnitsForm(_Called):
    """What several units become, and from when on."""

    into = forms.ChoiceField(label=_("合并成"), initial=ANEW)

    field_order = ("on", "into", "name", "short_name", "name_en", "code")

    def __init__(self, data: Any = None, *, others: Sequence[Unit], today: date) -> None:
        super().__init__(data, initial={"on": today, "into": ANEW})
        self.fields["on"] = _first_day(today)
        self.order_fields(self.field_order)
        into = self.fields["into"]
        assert isinstance(into, forms.ChoiceField)
        into.choices = [
            (ANEW, _("一个新单位（在下面写名称）")),
            *((str(unit.pk), _("并入“%(unit)s”") % {"unit": unit.short_name}) for unit in others),
        ]
        self.fields["name"].required = False
        self.fields["name"].help_text = _("新单位的全称，如“北姚村委会”；并入已有单位的不填。")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("into") == ANEW and not data.get("name") and "name" not in self.errors:
            self.add_error("name", _("请写新单位的名称。"))
        return data

    @property
    def into_id(self) -> UUID | None:
        """The unit that takes the others in; None: a new one."""
        chosen = self.cleaned_data["into"]
        return None if chosen == ANEW else UUID(chosen)


class EndUnitForm(forms.Form):
    """Who takes over from a unit that ends."""

    successors = forms.MultipleChoiceField(
        label=_("由谁接续"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("旧公示牌会引到这里；选几个，扫码的人自己选，没办结的事项到最近的一个。"),
        error_messages={"required": _("请选由谁接续；一个地方不能没有人负责。")},
    )

    def __init__(self, data: Any = None, *, others: Sequence[Unit], today: date) -> None:
        super().__init__(data, initial={"on": today})
        self.fields["on"] = _first_day(today)
        self.order_fields(("on", "successors"))
        successors = self.fields["successors"]
        assert isinstance(successors, forms.MultipleChoiceField)
        successors.choices = [(str(unit.pk), unit.short_name) for unit in others]

    @property
    def successor_ids(self) -> list[UUID]:
        return [UUID(pk) for pk in self.cleaned_data["successors"]]


class SplitUnitForm(forms.Form):
    """What a unit becomes, and which of the units below goes where."""

    def __init__(self, data: Any = None, *, parts: int, children: Sequence[Unit], today: date) -> None:
        super().__init__(data, initial={"on": today})
        self.parts, self.children = range(parts), children
        self.fields["on"] = _first_day(today)
        for number in self.parts:
            order = {"number": number + 1}
            self.fields[f"name_{number}"] = _name(_("第 %(number)d 个的全称") % order)
            self.fields[f"short_{number}"] = _name(_("第 %(number)d 个平时怎么叫") % order, required=False)
            code = _code()
            code.label = _("第 %(number)d 个的统计用代码") % order
            self.fields[f"code_{number}"] = code
        choices = [
            ("", _("请选")),
            *((str(number), _("第 %(number)d 个") % {"number": number + 1}) for number in self.parts),
        ]
        for child in children:
            self.fields[f"goes_{child.pk}"] = forms.ChoiceField(
                label=child.short_name,
                choices=choices,
                required=False,  # the action names those that go nowhere, all at once
                error_messages={"invalid_choice": _("请从列出的里面选。")},
            )

    @property
    def part_fields(self) -> list[list[forms.BoundField]]:
        return [[self[f"{key}_{number}"] for key in ("name", "short", "code")] for number in self.parts]

    @property
    def child_fields(self) -> list[forms.BoundField]:
        return [self[f"goes_{child.pk}"] for child in self.children]

    @property
    def named(self) -> list[Named]:
        data = self.cleaned_data
        return [
            Named(data[f"name_{number}"], data[f"short_{number}"], code=data[f"code_{number}"])
            for number in self.parts
        ]

    @property
    def goes(self) -> dict[UUID, int]:
        """The part each unit goes to; those that were left out are not in it."""
        chosen = ((child.pk, self.cleaned_data.get(f"goes_{child.pk}")) for child in self.children)
        return {pk: int(number) for pk, number in chosen if number}


class SureForm(forms.Form):
    """Yes to what cannot be undone: the name, typed."""

    typed = forms.CharField(
        max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}), required=False
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, name: str, digest: str) -> None:
        super().__init__(data, initial={"seen": digest})
        self.name, self.digest = name, digest
        self.fields["typed"].label = _("请输入“%(name)s”") % {"name": name}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("seen") != self.digest:
            self.data = {**self.data.dict(), "seen": self.digest}  # type: ignore[attr-defined]  # a QueryDict
            raise forms.ValidationError(_("这期间情况有变化。请把下面的内容再看一遍，再确认。"))
        if (data.get("typed") or "").strip() != self.name:
            self.add_error("typed", _("和“%(name)s”不一样；请照样输入。") % {"name": self.name})
        return data
