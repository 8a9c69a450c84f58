"""How a page looks on this device: light, dark or large type; kept in a cookie, for most have no account."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

COOKIE: Final = "xl_look"
COOKIE_DAYS: Final = 400
# The empty look follows the device's own light or dark.
LOOKS: Final[tuple[tuple[str, Any], ...]] = (
    ("", _("随设备")),
    ("light", _("浅色")),
    ("dark", _("深色")),
    ("elder", _("大字")),
)


def look_of(request: HttpRequest | None) -> str:
    """The look chosen on this device; an unknown value counts as none."""
    chosen = request.COOKIES.get(COOKIE, "") if request is not None else ""
    return chosen if chosen in dict(LOOKS) else ""
