"""How long something may take: pure arithmetic of limits and their deadlines. No database here."""

from enum import StrEnum


class Kind(StrEnum):
    """What a limit counts."""

    MINUTES = "minutes"
    HOURS = "hours"
    DUTY_HOURS = "duty_hours"  # hours in which desks are staffed
    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
