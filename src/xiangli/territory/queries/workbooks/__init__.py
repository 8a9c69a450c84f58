"""Tables of appointments and of units: read with a verdict for each row, handed back annotated, and as templates to
fill in. Nothing is written here."""

from xiangli.territory.queries.workbooks.common import (
    PEOPLE_KIND,
    UNITS_KIND,
    check_may_import,
    may_import,
)
from xiangli.territory.queries.workbooks.people import Wanted, appointments_template, read_appointments
from xiangli.territory.queries.workbooks.units import WantedUnit, read_units, units_template

__all__ = [
    "PEOPLE_KIND",
    "UNITS_KIND",
    "Wanted",
    "WantedUnit",
    "appointments_template",
    "check_may_import",
    "may_import",
    "read_appointments",
    "read_units",
    "units_template",
]
