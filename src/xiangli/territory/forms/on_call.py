"""The form of the on-call roster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from xiangli.territory.queries import Choices

MOST_NIGHTS: Final = 14


_FIRST, _LAST = datetime(1949, 10, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)


def moment(label: Any, **more: Any) -> forms.DateTimeField:
    """A day and a time of day, as the browser's own picker gives them."""
    slip = _("请看看年份是不是写错了。")
    return forms.DateTimeField(
        label=label,
        validators=[MinValueValidator(_FIRST, slip), MaxValueValidator(_LAST, slip)],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        error_messages={
            "required": _("请填日期和时间。"),
            "invalid": _("请写成 2026-11-22 22:00 这样的日期和时间。"),
        },
        **more,
    )


class OnCallForm(forms.Form):
    """Who is on call in which seat, from when until when, and for how many nights."""

    seat = forms.ChoiceField(
        label=_("哪个岗位值班"),
        error_messages={"required": _("请选一个岗位。"), "invalid_choice": _("请从列出的岗位里选。")},
    )
    user = forms.ChoiceField(
        label=_("谁值班"),
        help_text=_("可以同时排几个人；险情会同时告诉他们。"),
        error_messages={"required": _("请选一个人。"), "invalid_choice": _("请从列出的人里选。")},
    )
    starts = moment(_("从"))
    ends = moment(_("到"))
    nights = forms.IntegerField(
        label=_("连排几晚"),
        min_value=1,
        max_value=MOST_NIGHTS,
        initial=1,
        help_text=_("以后每天同一时间，最多 14 晚。"),
    )

    def __init__(self, data: Any = None, *, choices: Choices) -> None:
        starts, ends = choices.night
        super().__init__(data, initial={"starts": starts, "ends": ends})
        several: list[tuple[str, Any]] = [("", _("请选"))]
        seat, user = self.fields["seat"], self.fields["user"]
        assert isinstance(seat, forms.ChoiceField)
        assert isinstance(user, forms.ChoiceField)
        seat.choices = [*choices.seats] if len(choices.seats) == 1 else [*several, *choices.seats]
        user.choices = [*several, *choices.people]

    @property
    def chosen_seat(self) -> tuple[UUID, UUID]:
        """The chosen seat: unit and post."""
        unit, _colon, post = self.cleaned_data["seat"].partition(":")
        return UUID(unit), UUID(post)
