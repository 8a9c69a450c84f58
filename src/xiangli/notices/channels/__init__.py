"""The providers: what each is told, how it is asked, and what its answers mean. Nothing here touches the database.

Words of providers never leave this package: they may quote the message. What comes out is None (taken) or one of
our own `Fault`s.
"""

from xiangli.notices.channels.providers import PROVIDERS, check_settings, fields_of
from xiangli.notices.channels.sending import Batch, send_all
from xiangli.notices.channels.web import Line, Message

__all__ = ["PROVIDERS", "Batch", "Line", "Message", "check_settings", "fields_of", "send_all"]
