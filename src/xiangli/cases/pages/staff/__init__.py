"""Pages of those who answer: my tasks, the merged inbox, one case with only the actions this person may take
now, and what they report themselves."""

from xiangli.cases.pages.staff.acts import DONE, act
from xiangli.cases.pages.staff.case import case, photo, reveal
from xiangli.cases.pages.staff.common import actor_of, shell_of, staff_only
from xiangli.cases.pages.staff.lists import desk, tasks
from xiangli.cases.pages.staff.report import field_report

__all__ = [
    "DONE",
    "act",
    "actor_of",
    "case",
    "desk",
    "field_report",
    "photo",
    "reveal",
    "shell_of",
    "staff_only",
    "tasks",
]
