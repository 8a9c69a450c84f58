"""Forms of territory: they validate shape, and that what comes back was offered; whether it is allowed, the
actions say."""

from xiangli.territory.forms.on_call import MOST_NIGHTS, OnCallForm

__all__ = ["MOST_NIGHTS", "OnCallForm"]
