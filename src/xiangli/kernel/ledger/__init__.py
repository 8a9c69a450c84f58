"""The ledger: what happened, for ever, in chains that cannot be changed unseen.

An action appends to the chain of its stream (`Chain`) under the lock it holds anyway; a sealer chains each
scope's new events in batches and publishes signed heads outside the database; `verify_ledger` proves the
whole and names what is not sealed yet.
"""

from xiangli.kernel.ledger.chain import Chain, HistoryRow, event_exists, history
from xiangli.kernel.ledger.forms import GENESIS

__all__ = ["GENESIS", "Chain", "HistoryRow", "event_exists", "history"]
