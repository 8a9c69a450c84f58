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
    appoint_somebody_new,
    end_absence,
    end_appointment,
    issue_enrolment,
    record_absence,
    set_duty_number,
)
from xiangli.territory.actions.plans import (
    MOST_PARTS,
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
from xiangli.territory.actions.plates import record_print
from xiangli.territory.actions.presets import load_preset, presets, refresh_presets
from xiangli.territory.actions.schemes import add_level, add_post, edit_level, edit_post
from xiangli.territory.actions.settings import enter_year, record_setting
from xiangli.territory.actions.units import (
    check_code_free,
    open_organ,
    open_unit,
    set_hours,
)
from xiangli.territory.actions.workbooks import import_appointments, import_units

__all__ = [
    "COMMAND_LINE",
    "GROW",
    "LEAVE",
    "MOST_PARTS",
    "Ending",
    "Leaving",
    "Line",
    "Mover",
    "Named",
    "Person",
    "Plan",
    "Preview",
    "Previewer",
    "add_level",
    "add_post",
    "appoint",
    "appoint_somebody_new",
    "check_code_free",
    "check_dates",
    "edit_level",
    "edit_post",
    "end_absence",
    "end_appointment",
    "end_on_call",
    "end_unit",
    "enter_year",
    "grow",
    "import_appointments",
    "import_units",
    "issue_enrolment",
    "let_go",
    "load_preset",
    "merge_units",
    "off_board",
    "open_organ",
    "open_unit",
    "plan_end",
    "plan_merge",
    "plan_split",
    "presets",
    "preview",
    "preview_leaving",
    "record_absence",
    "record_print",
    "record_setting",
    "refresh_presets",
    "register_leaving",
    "register_mover",
    "register_previewer",
    "rename_unit",
    "set_duty_number",
    "set_hours",
    "set_on_call",
    "split_unit",
]
