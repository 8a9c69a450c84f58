"""The writers that every workflow shares: lock, record, grant, attach, tell, and the clocks. A workflow's own
action calls them inside its transaction."""

from xiangli.matters.actions.clocks import Clocks, as_data, pauses_of, save_clocks, timer_of
from xiangli.matters.actions.common import (
    By,
    Seated,
    attach_photos,
    grant_seat,
    grants_of,
    hold,
    let_in,
    lock_matter,
    lock_matter_by_code,
    message_of,
    name_subjects,
    put_in_seat,
    record,
    tell,
)
from xiangli.matters.actions.filters import delete_filter, rename_filter, save_filter
from xiangli.matters.actions.reporters import tell_reporters
from xiangli.matters.actions.searching import forget_words, keep_words, mend_words

__all__ = [
    "By",
    "Clocks",
    "Seated",
    "as_data",
    "attach_photos",
    "delete_filter",
    "forget_words",
    "grant_seat",
    "grants_of",
    "hold",
    "keep_words",
    "let_in",
    "lock_matter",
    "lock_matter_by_code",
    "mend_words",
    "message_of",
    "name_subjects",
    "pauses_of",
    "put_in_seat",
    "record",
    "rename_filter",
    "save_clocks",
    "save_filter",
    "tell",
    "tell_reporters",
    "timer_of",
]
