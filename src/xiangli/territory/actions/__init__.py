"""The only writers of territory: schemes, units, appointments, absences, the on-call roster, duty numbers. Each
runs in one transaction and, but for schemes, leaves an event in the unit's stream of the ledger."""

from xiangli.territory.actions.changes import (
    GROW,
    Person,
    Preview,
    end_unit,
    grow,
    merge_units,
    preview,
    rename_unit,
    split_unit,
)
from xiangli.territory.actions.common import COMMAND_LINE, Line, check_dates
from xiangli.territory.actions.leaving import (
    LEAVE,
    Leaving,
    let_go,
    off_board,
    preview_leaving,
    register_leaving,
)
from xiangli.territory.actions.on_call import end_on_call, set_on_call
from xiangli.territory.actions.people import (
    appoint,
    end_appointment,
    issue_enrolment,
    record_absence,
    set_duty_number,
)
from xiangli.territory.actions.presets import load_preset, presets, refresh_presets
from xiangli.territory.actions.units import (
from xiangli.territory.actions.plans import (
    Ending,
    Mover,
    Named,
    Plan,
    Previewer,
    plan_end,
    plan_merge,
    plan_split,
    register_mover,
    register_previewer,
)
    check_code_free,
    open_organ,
    open_unit,
    set_hours,
)

__all__ = [
    "COMMAND_LINE",
    "LEAVE",
    "Leaving",
    "GROW",
    "Line",
    "Ending",
    "Mover",
    "appoint",
    "check_code_free",
    "Named",
    "Person",
    "Plan",
    "Preview",
    "Previewer",
    "check_dates",
    "end_appointment",
    "end_on_call",
    "end_unit",
    "issue_enrolment",
    "let_go",
    "load_preset",
    "off_board",
    "grow",
    "open_organ",
    "open_unit",
    "presets",
    "merge_units",
    "preview_leaving",
    "record_absence",
    "refresh_presets",
    "plan_end",
    "plan_merge",
    "plan_split",
    "register_leaving",
    "preview",
    "register_mover",
    "set_duty_number",
    "set_hours",
    "set_on_call",
]
    "register_previewer",
    "rename_unit",
    "split_unit",
