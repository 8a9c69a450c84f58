"""Words of a matter that no workflow owns: visibility, grants, photos, lineage; and the register of workflows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from xiangli.kernel.transitions import TransitionTable
from xiangli.territory.rules import Actor

# Of what is said to somebody who holds no query code: they told it to a member of staff.
NO_CODE: Final = "_no_code"
ALARM_DANGER: Final = "danger"  # the words tell of danger: a person looks


class Visibility(models.TextChoices):
    ORDINARY = "ordinary", _("一般")  # the territory sees it
    PRIVATE = "private", _("不公开")  # only who is granted
    SEALED = "sealed", _("保密")  # an access list; absent from counts and lists of everybody else


class GrantKind(models.TextChoices):
    HOLDER = "holder", _("办理")  # a private matter's own holder, who has no territory to see it by
    DEPARTMENT = "department", _("部门")
    TOGETHER = "together", _("协同")
    SUPERVISOR = "supervisor", _("督办")
    SEALED = "sealed", _("保密名单")


class PhotoRole(models.TextChoices):
    REPORT = "report", _("反映照片")
    BEFORE = "before", _("处理前")
    AFTER = "after", _("处理后")


class Stage(models.TextChoices):
    """How far a clock has gone. Each step is taken once."""

    GREEN = "green", _("正常")
    AMBER = "amber", _("将到期")
    RED = "red", _("已超时")


class LinkKind(models.TextChoices):
    MERGED = "merged", _("并入")
    REPEATS = "repeats", _("重复反映")


@dataclass(frozen=True, slots=True)
class Topics:
    """In the active language: the names of the topics by their codes, and the nets (topics that cut across them) in
    their order, each with its name and the codes of its topics."""

    names: Mapping[str, str]
    nets: Mapping[str, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Choice:
    """To whom several matters may be given at once: a post, in the unit of each matter's own place. `fits` says how
    many of those that were asked for have it on their way."""

    value: str
    label: str
    fits: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one matter: `words` say it, or why nothing would. `to` is the seat it would go to; ""
    where nothing would. `seen` is its turn now."""

    matter_id: UUID
    words: str
    to: str = ""
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Given:
    """One matter to be given, and the seat to which; by a form that was drawn at `seen`, its turn then. `act_id` makes
    pressing twice once."""

    matter_id: UUID
    to: str
    act_id: UUID
    seen: int


@dataclass(frozen=True, slots=True)
class Bulk:
    """How a workflow gives several matters to somebody at once. Each matter is one act of its own, in its own
    transaction; one that is refused leaves the others as they are."""

    permission: str  # whoever has it in no post is not offered this
    label: Any  # of the act: "交办"
    # to whom those that may be given could go
    offers: Callable[[Actor, Sequence[UUID], datetime], list[Choice]]
    # what would become of each by a choice ("": none yet) and the words that go with it
    plan: Callable[[Actor, Sequence[UUID], str, str, datetime], list[Planned]]
    # gives one, with the words; raises Refused
    apply: Callable[[Actor, Given, str], None]


@dataclass(frozen=True, slots=True)
class Workflow:
    """What a workflow tells matters about itself, so that the merged inbox can word and link its rows."""

    code: str
    table: TransitionTable
    states: Mapping[str, Any]  # state -> label
    begins: tuple[str, ...]  # the states in which a matter is born
    page: str  # name of the URL that shows a matter to staff; takes `matter_id`
    topics: Any  # callable () -> Mapping[str, str]: label of each topic, in the active language
    waits: Collection[str] = ()  # the states in which somebody still has something to do
    topics_on: Callable[[date], Topics] | None = None  # with the nets in force on a day
    bulk: Bulk | None = None


_workflows: dict[str, Workflow] = {}


def register_workflow(workflow: Workflow) -> None:
    """Called once by each workflow's app config; a second workflow of the same code is refused."""
    if _workflows.setdefault(workflow.code, workflow) is not workflow:
        raise ValueError(f"workflow {workflow.code!r} is registered twice")


def workflow_of(code: str) -> Workflow:
    return _workflows[code]


def workflows() -> Mapping[str, Workflow]:
    return dict(_workflows)
