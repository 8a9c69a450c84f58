"""A county's scheme as its administrator sees it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from xiangli.kernel.refusals import Refused
from xiangli.territory.models import County, Level, Post, Scheme, Unit
from xiangli.territory.rules import MANAGE_SETTINGS, Actor
from xiangli.territory.states import Duty, verb_labels


def counties_to_set_up(actor: Actor) -> list[Unit]:
    """The counties whose settings the actor manages. One statement."""
    ids = {held.county_id for held in actor.held if MANAGE_SETTINGS in held.permissions}
    rows = Unit.objects.filter(pk__in=ids, profile__isnull=False).order_by("path")
    return [unit for unit in rows if actor.may(MANAGE_SETTINGS, unit.path)]


@dataclass(frozen=True, slots=True)
class LevelView:
    level: Level
    depth: int  # how far below the county
    posts: list[Post]


@dataclass(frozen=True, slots=True)
class SchemeView:
    """`unanswered`: duties that no post answers for; `unheld`: what no post may do."""

    scheme: Scheme
    packaged: bool  # refreshed by new versions until it is changed
    levels: list[LevelView]
    unanswered: list[str]
    unheld: list[str]


def scheme_of(county: Unit, *, presets: list[str]) -> SchemeView:
    """The scheme that a county follows, its levels from the top down, each with its posts. Three statements."""
    profile = County.objects.select_related("scheme").get(unit=county)
    levels = list(Level.objects.filter(scheme=profile.scheme_id).order_by("rank", "code"))
    posts = list(Post.objects.filter(scheme=profile.scheme_id).order_by("order", "code"))
    children: dict[UUID | None, list[Level]] = {}
    for level in levels:
        children.setdefault(level.parent_id, []).append(level)
    views: list[LevelView] = []

    def walk(parent: UUID | None, depth: int) -> None:
        for level in children.get(parent, ()):
            views.append(LevelView(level, depth, [post for post in posts if level.code in post.levels]))
            walk(level.pk, depth + 1)

    walk(None, 0)
    duties = {duty for post in posts for duty in post.duties}
    verbs = {verb for post in posts for verb in post.permissions}
    return SchemeView(
        scheme=profile.scheme,
        packaged=profile.scheme.code in presets,
        levels=views,
        unanswered=[str(duty.label) for duty in Duty if duty not in duties],
        unheld=[label for verb, label in verb_labels().items() if verb not in verbs],
    )


def level_of(county: Unit, level_id: UUID) -> Level:
    """A level of the county's scheme. Refused (not_found) otherwise. One statement."""
    level = Level.objects.filter(pk=level_id, scheme__counties=county.pk).first()
    if level is None:
        raise Refused("not_found", _("本县的层级方案里没有这一级。"))
    return level


def post_in(county: Unit, post_id: UUID) -> Post:
    """A post of the county's scheme. Refused (not_found) otherwise. One statement."""
    post = Post.objects.filter(pk=post_id, scheme__counties=county.pk).first()
    if post is None:
        raise Refused("not_found", _("本县的层级方案里没有这个岗位。"))
    return post


def levels_of(county: Unit) -> list[Level]:
    """The levels of the county's scheme, from the top down. One statement."""
    return list(Level.objects.filter(scheme__counties=county.pk).order_by("rank", "code"))
