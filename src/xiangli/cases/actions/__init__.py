"""The only writers of cases. Each: lock the matter, check the rule, write, append the event, outbox; one
transaction."""

from xiangli.cases.actions.categories import load_categories
from xiangli.cases.actions.moving import move_cases, move_ended_cases
from xiangli.cases.actions.report import Receipted, Report, report_case, sent_before
from xiangli.cases.actions.reporter import confirm_case, evaluate_case, reopen_case, say_me_too, withdraw_case
from xiangli.cases.actions.reseating import reseat_cases
from xiangli.cases.actions.staff import (
    Act,
    assign_case,
    close_case,
    handle_on_spot,
    resolve_case,
    return_case,
    reveal_contact,
    take_case,
    verify_case,
)

__all__ = [
    "Act",
    "Receipted",
    "Report",
    "assign_case",
    "close_case",
    "confirm_case",
    "evaluate_case",
    "handle_on_spot",
    "load_categories",
    "move_cases",
    "move_ended_cases",
    "reopen_case",
    "report_case",
    "reseat_cases",
    "resolve_case",
    "return_case",
    "reveal_contact",
    "say_me_too",
    "sent_before",
    "take_case",
    "verify_case",
    "withdraw_case",
]
