"""Pages of those who answer: my tasks, one case with only the actions this person may take
now, and what they report themselves."""

from xiangli.cases.pages.staff.acts import DONE, act
from xiangli.cases.pages.staff.case import case, photo, reveal
from xiangli.cases.pages.staff.common import actor_of, staff_only
from xiangli.cases.pages.staff.lists import tasks
from xiangli.cases.pages.staff.report import field_report

__all__ = [
    "DONE",
    "act",
    "actor_of",
    "case",
    "field_report",
    "photo",
    "reveal",
    "staff_only",
    "tasks",
]
