"""Forms of an administrator of people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from xiangli.territory.forms.on_call import moment
from xiangli.territory.models import Standing

SOMEBODY_NEW = "new"


_FIRST, _LAST = date(1949, 10, 1), date(2199, 12, 31)  # what no calendar of ours has is a slip of the finger


def day(label: Any, **more: Any) -> forms.DateField:
    """A day, as the browser's own picker gives it."""
    slip = _("请看看年份是不是写错了。")
    return forms.DateField(
        label=label,
        validators=[MinValueValidator(_FIRST, slip), MaxValueValidator(_LAST, slip)],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={"required": _("请填日期。"), "invalid": _("请写成 2026-11-22 这样的日期。")},
        **more,
    )


class AppointForm(forms.Form):
    """Who is appointed, as what, from when until when. Where people of that name are there already, one of them is
    chosen, or somebody new."""

    name = forms.CharField(label=_("姓名"), max_length=60, error_messages={"required": _("请填姓名。")})
    who = forms.ChoiceField(label=_("已有同名的人，是哪一位？"), widget=forms.RadioSelect, required=False)
    username = forms.CharField(
        label=_("登录名"),
        max_length=60,
        required=False,
        help_text=_("在共用电脑上登录才需要；用手机的人不用填。"),
    )
    standing = forms.ChoiceField(
        label=_("负责人还是代理"),
        widget=forms.RadioSelect,
        choices=[(Standing.HOLDER, _("负责人")), (Standing.DEPUTY, _("代理（负责人不在时由他负责）"))],
        initial=Standing.HOLDER,
    )
    since = day(_("从哪天起"))
    until = day(_("到哪天为止"), required=False, help_text=_("最后一天，含当天；不定期的不填。"))

    def __init__(
        self, data: Any = None, *, today: date, person: Any = None, standing: str = Standing.HOLDER
    ) -> None:
        super().__init__(data, initial={"since": today, "standing": standing})
        del self.fields["who"]
        if person is not None:
            del self.fields["name"], self.fields["username"]

    def offer(self, people: Sequence[tuple[str, str]]) -> None:
        """Ask which of the people of this name it is."""
        choices = [*people, (SOMEBODY_NEW, _("都不是，是新的人"))]
        self.fields["who"] = forms.ChoiceField(
            label=_("已有同名的人，是哪一位？"),
            widget=forms.RadioSelect,
            choices=choices,
            error_messages={"required": _("请选是哪一位，或选“新的人”。")},
        )
        self.order_fields(["name", "who"])

    @property
    def valid_to(self) -> date | None:
        """The first day without it."""
        last: date | None = self.cleaned_data["until"]
        return last + timedelta(days=1) if last else None


class EndForm(forms.Form):
    """The last day of an appointment."""

    last = day(_("任职到哪天为止"), help_text=_("最后一天，含当天；选昨天就是今天起不再任职。"))

    def __init__(self, data: Any = None, *, today: date) -> None:
        super().__init__(data, initial={"last": today})

    @property
    def on(self) -> date:
        """The first day without it."""
        last: date = self.cleaned_data["last"]
        return last + timedelta(days=1)


class LeaveForm(forms.Form):
    """When somebody leaves all their posts, and whether their account ends."""

    last = day(_("在岗到哪天为止"), help_text=_("最后一天，含当天；选昨天就是现在离岗。"))
    close = forms.BooleanField(
        label=_("停用账号：手机解除绑定，链接作废，不能再登录"), required=False, initial=True
    )

    def __init__(self, data: Any = None, *, today: date) -> None:
        super().__init__(data, initial={"last": today - timedelta(days=1), "close": True})

    @property
    def on(self) -> date:
        """The first day without them."""
        last: date = self.cleaned_data["last"]
        return last + timedelta(days=1)


class AbsenceForm(forms.Form):
    """From when until when somebody is away."""

    starts = moment(_("从"))
    ends = moment(_("到"), required=False, help_text=_("不知道什么时候回来就不填，回来再销假。"))


class DutyNumberForm(forms.Form):
    """The telephone of a post in a unit."""

    phone = forms.CharField(
        label=_("值班电话"),
        max_length=20,
        required=False,
        help_text=_("印在公示牌上，人人看得到：只写单位的值班电话，不写私人手机号。不填就是没有。"),
    )
