"""Forms of a county's levels and posts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from xiangli.territory.models import Level, Post
from xiangli.territory.states import Duty, verb_labels


class _Named(forms.Form):
    name = forms.CharField(label=_("名称"), max_length=40, error_messages={"required": _("请填名称。")})
    name_en = forms.CharField(label=_("英文名称"), max_length=40, required=False)


class _Coded(forms.Form):
    code = forms.CharField(
        label=_("代码"),
        max_length=39,
        help_text=_("小写字母，如 courtyard；表格和命令行里用它，以后不能改。"),
        error_messages={"required": _("请填代码。")},
    )


class LevelForm(_Named):
    """How a level is called, and whether its units carry plates."""

    has_plate = forms.BooleanField(label=_("这一级的单位挂公示牌"), required=False)

    def __init__(self, data: Any = None, *, level: Level | None = None) -> None:
        initial = (
            {"name": level.name, "name_en": level.name_en, "has_plate": level.has_plate} if level else None
        )
        super().__init__(data, initial=initial)


class NewLevelForm(_Coded, LevelForm):
    """A level below another."""

    field_order = ("name", "name_en", "code", "has_plate")


class PostForm(_Named):
    """What a post is called, answers for and may do."""

    order = forms.IntegerField(
        label=_("排在第几"), min_value=0, max_value=999, help_text=_("公示牌上和同一单位里的先后，小的在前。")
    )
    on_plate = forms.BooleanField(label=_("写上公示牌"), required=False)
    duties = forms.MultipleChoiceField(
        label=_("负责什么"), required=False, widget=forms.CheckboxSelectMultiple
    )
    permissions = forms.MultipleChoiceField(
        label=_("可以做什么"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, post: Post | None = None) -> None:
        initial = (
            {
                "name": post.name,
                "name_en": post.name_en,
                "order": post.order,
                "on_plate": post.on_plate,
                "duties": post.duties,
                "permissions": post.permissions,
            }
            if post
            else {"order": 100}
        )
        super().__init__(data, initial=initial)
        duties, verbs = self.fields["duties"], self.fields["permissions"]
        assert isinstance(duties, forms.MultipleChoiceField)
        assert isinstance(verbs, forms.MultipleChoiceField)
        # what a file of the county's own brought along is kept, by its code
        own_duties = [duty for duty in (post.duties if post else ()) if duty not in Duty.values]
        known = verb_labels()
        own_verbs = [verb for verb in (post.permissions if post else ()) if verb not in known]
        duties.choices = [*Duty.choices, *((duty, duty) for duty in own_duties)]
        verbs.choices = [*known.items(), *((verb, verb) for verb in own_verbs)]


class NewPostForm(_Coded, PostForm):
    """A post that a county adds."""

    levels = forms.MultipleChoiceField(
        label=_("设在哪一级"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("请选这个岗位设在哪一级。")},
    )
    several = forms.BooleanField(label=_("同一单位可以有几个人同时担任"), required=False)
    field_order = (
        "name",
        "name_en",
        "code",
        "levels",
        "several",
        "order",
        "on_plate",
        "duties",
        "permissions",
    )

    def __init__(self, data: Any = None, *, levels: list[tuple[str, str]]) -> None:
        super().__init__(data)
        field = self.fields["levels"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = levels
