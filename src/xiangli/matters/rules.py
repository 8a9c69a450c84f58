"""Pure rules of every matter: the query code, and who may act on it. No Django here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from xiangli.territory.rules import Actor, Held, is_label

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


# Search in Chinese. A text has no spaces, and where a dictionary cuts it hangs on what stands beside it: of
# "二巷口有垃圾" it makes 二 / 巷口 / 有 / 垃圾, and whoever types 二巷 would find nothing. So a text is kept as its
# pairs of neighbouring characters. What is typed is cut into words, and the pairs of each must be there.

_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]+")
_MANY_DIGITS = 5  # of a telephone, an identity card, a licence plate: nobody is found by these
# Words without a meaning of their own, between which others need not stand side by side.
_FILLERS = frozenset("的了在是有和吗呢吧啊着过也都就很与及把被给让")


def _runs(text: str) -> list[str]:
    runs = _RUN.findall(unicodedata.normalize("NFKC", text).lower())
    return [run for run in runs if sum(char.isdigit() for char in run) < _MANY_DIGITS]


def pairs(text: str) -> set[str]:
    """By what a text is found: the pairs of neighbouring Chinese characters, the last one of each run, and Latin
    words and short numbers whole."""
    found = set()
    for run in _runs(text):
        if run.isascii():
            found.add(run)
        else:
            found |= {run[start : start + 2] for start in range(len(run))}
    return found


def search_terms(words: Iterable[str]) -> str:
    """What is searched for, as a tsquery: all of these words, as somebody's sentence was cut. "": nothing that
    could be found."""
    runs, single = [], ""
    for word in words:
        for run in _runs(word):
            if len(run) == 1 and not run.isascii() and run not in _FILLERS:
                single += run  # a name that no dictionary has comes in single characters
                continue
            runs += [single] if single else []
            single = ""
            runs += [run] if run not in _FILLERS else []
        if not _runs(word) and single:
            runs, single = [*runs, single], ""
    runs += [single] if single else []
    terms: dict[str, None] = {}
    for run in runs:
        if run.isascii():
            terms[f"'{run}'"] = None
        elif len(run) == 1:
            terms[f"'{run}':*"] = None  # the first of a pair
        else:
            terms |= {f"'{run[start : start + 2]}'": None for start in range(len(run) - 1)}
    return " & ".join(terms)


def place_terms(path: str) -> list[str]:
    """The terms by which the index of words knows a place: its town and its village."""
    labels = path.split("/")[:-1]
    return [
        "@" + "".join(f"{label}/" for label in labels[:count]) for count in (4, 5) if len(labels) >= count
    ]


def is_place(path: str) -> bool:
    """Whether `path` can be one of a place: labels, each closed by "/". What stands in an address may be anything."""
    *labels, end = path.split("/")
    return bool(labels) and not end and all(is_label(label) for label in labels)
