"""Shared readers of territory. Every one takes the moment it is asked for.

Names of posts come in the active language, so store ids, never these names.
"""

from xiangli.territory.queries.lookups import (
    DUTY_HOURS,
    duty_hours_of,
    forget_hours,
    organ_seats,
    seats_by_name,
    seats_for,
    who_can,
)
from xiangli.territory.queries.people import Enrollable, actor_for, people_to_enrol
from xiangli.territory.queries.plates import (
    PlatePerson,
    PlateView,
    duties_on_plate,
    people_on_plate,
    plate,
    plate_unit,
    plated_units,
    successors_of,
)
from xiangli.territory.queries.roster import (
    Choices,
    Night,
    Shift,
    may_set_on_call,
    nights,
    on_call_choices,
    roster,
    shift_to_end,
)
from xiangli.territory.queries.scopes import InScope, forget_scopes, seats_on_ways, units_in_scope
from xiangli.territory.queries.seats import (
    in_post,
    people_in_seats,
    post_of,
    seat_now,
    seat_people,
    seats_under,
    who_answers,
)
from xiangli.territory.queries.units import (
    ancestors,
    ring_of,
    spoken_name,
    unit_at,
    unit_by_id,
    unit_of_point,
)
from xiangli.territory.rules import NOBODY, OUTSIDE, Actor, Answer, Held, seat_of

__all__ = [
    "DUTY_HOURS",
    "NOBODY",
    "OUTSIDE",
    "Actor",
    "Answer",
    "Choices",
    "Enrollable",
    "Held",
    "InScope",
    "Night",
    "PlatePerson",
    "PlateView",
    "Shift",
    "actor_for",
    "ancestors",
    "duties_on_plate",
    "duty_hours_of",
    "forget_hours",
    "forget_scopes",
    "in_post",
    "may_set_on_call",
    "nights",
    "on_call_choices",
    "organ_seats",
    "people_in_seats",
    "people_on_plate",
    "people_to_enrol",
    "plate",
    "plate_unit",
    "plated_units",
    "post_of",
    "ring_of",
    "roster",
    "seat_now",
    "seat_of",
    "seat_people",
    "seats_by_name",
    "seats_for",
    "seats_on_ways",
    "seats_under",
    "shift_to_end",
    "spoken_name",
    "successors_of",
    "unit_at",
    "unit_by_id",
    "unit_of_point",
    "units_in_scope",
    "who_answers",
    "who_can",
]
