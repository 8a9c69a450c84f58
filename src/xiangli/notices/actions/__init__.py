"""The only writers of notices."""

from xiangli.notices.actions.channels import close_channel, open_channel
from xiangli.notices.actions.mending import hand_over_delivery, retry_deliveries
from xiangli.notices.actions.preferences import forget_address, set_address, set_preferences
from xiangli.notices.actions.reading import KEEP, forget_old, read_all_notices, read_notice
from xiangli.notices.actions.sending import deliver, try_channel
from xiangli.notices.actions.telling import Tell, tell, tell_reporter

__all__ = [
    "KEEP",
    "Tell",
    "close_channel",
    "deliver",
    "forget_address",
    "forget_old",
    "hand_over_delivery",
    "open_channel",
    "read_all_notices",
    "read_notice",
    "retry_deliveries",
    "set_address",
    "set_preferences",
    "tell",
    "tell_reporter",
    "try_channel",
]
