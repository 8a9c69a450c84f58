"""Forms of notices: they validate shape; what an address looks like, the rules say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from xiangli.notices.queries import Colleague, Mine
from xiangli.notices.states import ChannelKind


class PreferencesForm(forms.Form):
    """Which of one's channels are wanted, and the language outside the app."""

    wanted = forms.MultipleChoiceField(
        label=_("用哪些通道通知我"), required=False, widget=forms.CheckboxSelectMultiple
    )
    language = forms.ChoiceField(
        label=_("通知用的语言"), choices=settings.LANGUAGES, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, mine: Sequence[Mine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["wanted"]
        assert isinstance(field, forms.MultipleChoiceField)  # declared above
        field.choices = [(one.kind.value, one.kind.label) for one in mine if one.address]
        if not field.choices:
            del self.fields["wanted"]


class AddressForm(forms.Form):
    """One address."""

    address = forms.CharField(max_length=254)

    _INPUTS = {ChannelKind.SMS: "tel", ChannelKind.VOICE: "tel", ChannelKind.EMAIL: "email"}

    def __init__(self, *args: Any, kind: ChannelKind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["address"]
        field.label = {
            ChannelKind.SMS: _("手机号码"),
            ChannelKind.VOICE: _("电话号码"),
            ChannelKind.EMAIL: _("邮箱地址"),
            ChannelKind.WECOM: _("企业微信账号"),
            ChannelKind.DINGTALK: _("钉钉 UserID"),
        }[kind]
        field.widget.input_type = self._INPUTS.get(kind, "text")
        field.widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}


class HandOverForm(forms.Form):
    """Who tells it."""

    to = forms.TypedChoiceField(label=_("转给谁"), coerce=UUID)

    def __init__(self, *args: Any, people: Sequence[Colleague], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to"]
        assert isinstance(field, forms.TypedChoiceField)  # declared above
        field.choices = [("", _("请选择")), *((str(one.id), one.name) for one in people)]
