"""Pure rules of every matter: the query code, and who may act on it. No Django here."""

from __future__ import annotations

from collections.abc import Collection

from xiangli.territory.rules import Actor, Held

CODE_DIGITS = 16  # 15 that carry the secret (about 50 bits), and one to check

# Damm, "Total anti-symmetrische Quasigruppen" (2004): finds every single wrong digit and every adjacent
# transposition.
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


def check_digit(digits: str) -> str:
    """The Damm check digit of `digits`."""
    row = "0"
    for digit in digits:
        row = _DAMM[int(row)][int(digit)]
    return row


def query_code(mac: bytes) -> str:
    """The 16-digit query code that a keyed HMAC stands for; digits, because they are read out on the
    telephone."""
    body = str(int.from_bytes(mac[:16], "big") % 10 ** (CODE_DIGITS - 1)).zfill(CODE_DIGITS - 1)
    return body + check_digit(body)


def clean_code(typed: str) -> str:
    """The digits of a code as people type it: spaces, hyphens and full-width digits are forgiven."""
    return "".join(str(int(char)) for char in typed if char.isdecimal())


def is_code(digits: str) -> bool:
    """Whether `digits` can be a query code at all; False for a mistyped one, before anything is looked up."""
    return len(digits) == CODE_DIGITS and check_digit(digits[:-1]) == digits[-1]


def group_code(digits: str) -> str:
    """The code in groups of four, as printed on the receipt."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def authority_over(
    actor: Actor,
    permission: str,
    *,
    place_path: str,
    ordinary: bool,
    seats: Collection[str],
    is_subject: bool,
) -> Held | None:
    """The appointment that lets `actor` do `permission` on a matter, or None.

    On an ordinary matter the territory counts, and so do `seats` (the holder's, and those named in grants).
    On a private or sealed one only `seats` do. A subject of the matter may do nothing, through any post
    (rights.md).
    """
    if is_subject:
        return None
    return actor.authority(permission, place_path if ordinary else "", seats=seats)
