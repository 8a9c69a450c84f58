"""Words of a matter that no workflow owns: visibility, grants, photos, lineage; and the register of workflows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from xiangli.kernel.transitions import TransitionTable

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
class Workflow:
    """What a workflow tells matters about itself, so that the merged inbox can word and link its rows."""

    code: str
    table: TransitionTable
    states: Mapping[str, Any]  # state -> label
    begins: tuple[str, ...]  # the states in which a matter is born
    page: str  # name of the URL that shows a matter to staff; takes `matter_id`
    topics: Any  # callable () -> Mapping[str, str]: label of each topic, in the active language


_workflows: dict[str, Workflow] = {}


def register_workflow(workflow: Workflow) -> None:
    """Called once by each workflow's app config; a second workflow of the same code is refused."""
    if _workflows.setdefault(workflow.code, workflow) is not workflow:
        raise ValueError(f"workflow {workflow.code!r} is registered twice")


def workflow_of(code: str) -> Workflow:
    return _workflows[code]


def workflows() -> Mapping[str, Workflow]:
    return dict(_workflows)
