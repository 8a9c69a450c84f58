"""The ledger: what happened, for ever, in chains that cannot be changed unseen.

An action appends to the chain of its stream (`Chain`) under the lock it holds anyway; a sealer chains each
scope's new events in batches and publishes signed heads outside the database; `verify_ledger` proves the
whole and names what is not sealed yet.
"""

from xiangli.kernel.ledger.chain import Chain, HistoryRow, event_exists, history
from xiangli.kernel.ledger.erasure import erase_payloads
from xiangli.kernel.ledger.forms import GENESIS
from xiangli.kernel.ledger.heads import publish_heads
from xiangli.kernel.ledger.privileges import grant_privileges
from xiangli.kernel.ledger.sealer import Tail, run_sealer, seal_once, unsealed_tail
from xiangli.kernel.ledger.verify import Failure, Fault, Report, StreamHead, verify_ledger

__all__ = [
    "GENESIS",
    "Chain",
    "Failure",
    "Fault",
    "HistoryRow",
    "Report",
    "StreamHead",
    "Tail",
    "erase_payloads",
    "event_exists",
    "grant_privileges",
    "history",
    "publish_heads",
    "run_sealer",
    "seal_once",
    "unsealed_tail",
    "verify_ledger",
]
