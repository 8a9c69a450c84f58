"""Pages of a county's levels and posts."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from xiangli.kernel.refusals import Refused
from xiangli.territory import actions
from xiangli.territory.forms.schemes import LevelForm, NewLevelForm, NewPostForm, PostForm
from xiangli.territory.models import Level, Unit
from xiangli.territory.pages.common import actor_of
from xiangli.territory.queries import schemes
from xiangli.territory.queries.common import in_english
from xiangli.territory.rules import MANAGE_SETTINGS


def county_to_set_up(request: HttpRequest) -> tuple[Unit, list[Unit]]:
    """The county whose settings are shown (`?county=`, else the first), and all that the actor manages."""
    actor = actor_of(request)
    if not any(MANAGE_SETTINGS in held.permissions for held in actor.held):
        raise Refused("forbidden_manage_settings", _("您的岗位不管设置；请找县级管理员。"))
    counties = schemes.counties_to_set_up(actor)
    asked = request.GET.get("county", "")
    chosen = next((one for one in counties if str(one.pk) == asked), None)
    if (asked and chosen is None) or not counties:
        raise Refused("not_found", _("没有这个县，或者它的设置不归您管。"))
    return chosen or counties[0], counties


@never_cache
@login_required
@require_GET
def scheme(request: HttpRequest) -> HttpResponse:
    """The levels of a county and their posts."""
    county, counties = county_to_set_up(request)
    view = schemes.scheme_of(county, presets=actions.presets())
    return render(request, "territory/scheme.html", {"county": county, "counties": counties, "view": view})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def edit_level(request: HttpRequest, level_id: UUID) -> HttpResponse:
    """Change a level."""
    county, _counties = county_to_set_up(request)
    level = schemes.level_of(county, level_id)
    form = LevelForm(request.POST if request.method == "POST" else None, level=level)
    if form.is_valid():
        try:
            actions.edit_level(by=actor_of(request), county=county, level=level, **form.cleaned_data)
        except Refused as refused:
            _put(form, refused)
        else:
            messages.success(request, _("已改“%(level)s”这一级。") % {"level": form.cleaned_data["name"]})
            return _back(county)
    return _shown(request, form, county, _("改层级 · %(name)s") % {"name": level.name})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def add_level(request: HttpRequest, level_id: UUID) -> HttpResponse:
    """Add a level below this one."""
    county, _counties = county_to_set_up(request)
    below = schemes.level_of(county, level_id)
    form = NewLevelForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            actions.add_level(by=actor_of(request), county=county, below=below, **form.cleaned_data)
        except Refused as refused:
            _put(form, refused)
        else:
            messages.success(
                request,
                _("已加“%(level)s”这一级；请给它设一个岗位，再开设单位。")
                % {"level": form.cleaned_data["name"]},
            )
            return _back(county)
    return _shown(request, form, county, _("在“%(name)s”下面加一级") % {"name": below.name})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def edit_post(request: HttpRequest, post_id: UUID) -> HttpResponse:
    """Change a post: names, duties, permissions."""
    county, _counties = county_to_set_up(request)
    post = schemes.post_in(county, post_id)
    form = PostForm(request.POST if request.method == "POST" else None, post=post)
    if form.is_valid():
        try:
            actions.edit_post(by=actor_of(request), county=county, post=post, **form.cleaned_data)
        except Refused as refused:
            _put(form, refused)
        else:
            messages.success(request, _("已改岗位“%(post)s”。") % {"post": form.cleaned_data["name"]})
            return _back(county)
    return _shown(request, form, county, _("改岗位 · %(name)s") % {"name": post.name})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def add_post(request: HttpRequest) -> HttpResponse:
    """Add a post."""
    county, _counties = county_to_set_up(request)
    levels = [(level.code, _title(level)) for level in schemes.levels_of(county)]
    form = NewPostForm(request.POST if request.method == "POST" else None, levels=levels)
    if form.is_valid():
        terms = dict(form.cleaned_data)
        terms["single"] = not terms.pop("several")
        try:
            actions.add_post(by=actor_of(request), county=county, **terms)
        except Refused as refused:
            _put(form, refused)
        else:
            messages.success(request, _("已加岗位“%(post)s”。") % {"post": form.cleaned_data["name"]})
            return _back(county)
    return _shown(request, form, county, _("加一个岗位"))


def _title(level: Level) -> str:
    return level.name_en if in_english() else level.name


def _put(form: forms.Form, refused: Refused) -> None:
    form.add_error(refused.field if refused.field in form.fields else None, str(refused))


def _back(county: Unit) -> HttpResponse:
    response: HttpResponse = redirect("territory:scheme")
    response.headers["Location"] += f"?county={county.pk}"
    return response


def _shown(request: HttpRequest, form: forms.Form, county: Unit, heading: str) -> HttpResponse:
    context = {"form": form, "county": county, "heading": heading}
    return render(request, "territory/scheme_form.html", context, status=400 if form.is_bound else 200)
