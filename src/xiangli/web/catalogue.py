"""The English catalogue: found in the sources, merged, checked, compiled; with Babel, without GNU gettext.

Words are written in Chinese in the sources; their English in one file, locale/en/LC_MESSAGES/django.po.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.template.base import Lexer, TokenType
from django.utils.translation.template import templatize

SOURCES: Final = Path(__file__).resolve().parent.parent
ENGLISH: Final = SOURCES / "web" / "locale" / "en" / "LC_MESSAGES" / "django.po"
# Drawn without a request, in both languages at once.
BILINGUAL: Final = frozenset({"400.html", "500.html", "plain_error.html"})

_KEYWORDS: Final = {
    **DEFAULT_KEYWORDS,
    **{f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext", "npgettext")},
}
_START: Final = datetime(2026, 11, 21, tzinfo=UTC)
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_QUOTED: Final = re.compile("“[^”]*”")  # what somebody types, or reads in a Chinese document, word for word
_PLACEHOLDERS: Final = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w+\}")


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is wrong with the catalogue: what, and at which words."""

    what: str
    words: str

    def __str__(self) -> str:
        return f"{self.what}: {self.words}"


def found_in_sources(root: Path = SOURCES) -> Catalog:
    """Every message of the Python sources and templates under `root`, tests left out."""
    catalog = Catalog()
    for file in _files(root):
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".html":
            # Django's own pseudo source for gettext; parentheses hide its indentation from the tokenizer.
            text = f"({templatize(text, origin=str(file))}\n)"
        name = file.relative_to(root).as_posix()
        for _line, ids, _comments, context in extract(
            "python", BytesIO(text.encode()), keywords=_KEYWORDS, options={"encoding": "utf-8"}
        ):
            catalog.add(ids, locations=[(name, 0)], context=context)
    return catalog


def unmarked(root: Path = SOURCES) -> Iterator[Gap]:
    """Chinese in templates that no translation tag holds: English readers would get it as it is."""
    for file in _files(root):
        if file.suffix != ".html" or file.name in BILINGUAL:
            continue
        inside = ""
        for token in Lexer(file.read_text(encoding="utf-8")).tokenize():
            if token.token_type == TokenType.BLOCK:
                tag = token.contents.split()[0]
                if tag in ("blocktranslate", "blocktrans", "comment"):
                    inside = tag
                elif inside and tag == f"end{inside}":
                    inside = ""
            elif token.token_type == TokenType.TEXT and not inside and _CHINESE.search(token.contents):
                words = " ".join(token.contents.split())
                yield Gap(f"not marked for translation in {file.relative_to(root)}:{token.lineno}", words)


def read(path: Path = ENGLISH) -> Catalog:
    """The catalogue in the file; an empty one where there is none."""
    if not path.exists():
        header = "# The English of Xiangli. The Chinese in the sources comes first; `xiangli messages` brings new words here."
        return Catalog(
            locale="en",
            project="Xiangli",
            version="1",
            header_comment=header,
            msgid_bugs_address="see CONTRIBUTING.md",
            revision_date=_START,
            creation_date=_START,
            last_translator="Xiangli",
            language_team="en",
            fuzzy=False,
        )
    with path.open("rb") as file:
        return read_po(file, locale="en")


def merge(catalog: Catalog, sources: Catalog) -> None:
    """Bring `catalog` to the messages of `sources`: new ones empty, lost ones kept aside."""
    for message in list(catalog.obsolete.values()):
        catalog[message.id] = message
    catalog.obsolete.clear()
    sources.creation_date = (
        catalog.creation_date
    )  # a date that changes at every run would be all that changes
    catalog.update(sources, no_fuzzy_matching=True)


def gaps(catalog: Catalog, sources: Catalog) -> Iterator[Gap]:
    """What keeps English from being complete and true to the sources."""
    for message in _messages(sources):
        if catalog.get(message.id, message.context) is None:
            yield Gap("not in the catalogue", _first(message))
    for message in _messages(catalog):
        if sources.get(message.id, message.context) is None:
            yield Gap("no longer in the sources", _first(message))
            continue
        english = [message.string] if isinstance(message.string, str) else list(message.string or [""])
        if not all(english):
            yield Gap("without English", _first(message))
        elif message.fuzzy:
            yield Gap("unsure (fuzzy)", _first(message))
        elif any(_CHINESE.search(_QUOTED.sub("", text)) for text in english):
            yield Gap("Chinese within the English", _first(message))
        elif any(_places(text) != _places(_first(message)) for text in english):
            yield Gap("other placeholders than the Chinese", _first(message))
    for message in catalog.obsolete.values():
        yield Gap("obsolete", _first(message))


def write(catalog: Catalog, path: Path = ENGLISH) -> None:
    """Write the catalogue, sorted by file, without line numbers: a change of one word changes one place."""
    buffer = BytesIO()
    write_po(buffer, catalog, width=110, sort_by_file=True, include_lineno=False)
    _replace(path, buffer.getvalue())


def compile_catalogue(path: Path = ENGLISH, *, even_if_new: bool = False) -> bool:
    """Write the .mo beside `path` when it is missing or older, and say whether it was written."""
    compiled = path.with_suffix(".mo")
    if not even_if_new and compiled.exists() and compiled.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        return False
    buffer = BytesIO()
    write_mo(buffer, read(path))
    _replace(compiled, buffer.getvalue())
    return True


def _files(root: Path) -> list[Path]:
    return sorted(
        file
        for suffix in ("*.py", "*.html")
        for file in root.rglob(suffix)
        if not {"tests", "migrations"} & set(file.relative_to(root).parts)
    )


def _messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _first(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _places(text: str) -> list[str]:
    return sorted(_PLACEHOLDERS.findall(text))


def _replace(path: Path, content: bytes) -> None:
    """In one step: a server or a test that starts meanwhile reads the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
