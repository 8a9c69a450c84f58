"""The only writers of cases. Each: lock the matter, check the rule, write, append the event, outbox; one
transaction."""

from xiangli.cases.actions.categories import load_categories
from xiangli.cases.actions.ending import decline_case, merge_case
from xiangli.cases.actions.giving import (
    assign_case,
    finish_part,
    hand_up_case,
    handle_together,
    return_case,
    transfer_case,
)
from xiangli.cases.actions.leaving import move_leaving, preview_leaving, release_cases
from xiangli.cases.actions.moving import move_cases, move_ended_cases, preview_cases
from xiangli.cases.actions.opening import Act
from xiangli.cases.actions.overdue import fire_clocks, mend_clocks, recompute_clocks, tell_top
from xiangli.cases.actions.report import Receipted, Report, report_case, sent_before
from xiangli.cases.actions.reporter import (
    confirm_case,
    evaluate_case,
    nudge_case,
    reopen_case,
    say_me_too,
    withdraw_case,
)
from xiangli.cases.actions.reseating import reseat_cases
from xiangli.cases.actions.responsibilities import import_responsibilities
from xiangli.cases.actions.settings import (
    add_category,
    drop_limit,
    enter_responsibilities,
    set_category,
    set_limit,
)
from xiangli.cases.actions.staff import (
    accept_case,
    arrive_case,
    claim_case,
    close_case,
    handle_on_spot,
    resolve_case,
    reveal_contact,
    take_case,
    verify_case,
)
from xiangli.cases.actions.supervising import answer_order, supervise_case
from xiangli.cases.actions.timing import ask_extension, decide_extension, resume_case, suspend_case

__all__ = [
    "Act",
    "Receipted",
    "Report",
    "accept_case",
    "add_category",
    "answer_order",
    "arrive_case",
    "ask_extension",
    "assign_case",
    "claim_case",
    "close_case",
    "confirm_case",
    "decide_extension",
    "decline_case",
    "drop_limit",
    "enter_responsibilities",
    "evaluate_case",
    "finish_part",
    "fire_clocks",
    "hand_up_case",
    "handle_on_spot",
    "handle_together",
    "import_responsibilities",
    "load_categories",
    "mend_clocks",
    "merge_case",
    "move_cases",
    "move_ended_cases",
    "move_leaving",
    "nudge_case",
    "preview_cases",
    "preview_leaving",
    "recompute_clocks",
    "release_cases",
    "reopen_case",
    "report_case",
    "reseat_cases",
    "resolve_case",
    "resume_case",
    "return_case",
    "reveal_contact",
    "say_me_too",
    "sent_before",
    "set_category",
    "set_limit",
    "supervise_case",
    "suspend_case",
    "take_case",
    "tell_top",
    "transfer_case",
    "verify_case",
    "withdraw_case",
]
