"""The reference that is made from the code: states, roles, addresses, tables. Deterministic, so that a check
can tell a stale page: the same code gives the same bytes.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation

from xiangli.cases.actions.categories import OURS
from xiangli.cases.rules.clocks import HOLDS, RUNS
from xiangli.cases.states import ClockName, State
from xiangli.kernel.transitions import Transition
from xiangli.matters.states import Workflow, workflows
from xiangli.territory import presets as _presets
from xiangli.web import catalogue

FOLDER: Final = Path(__file__).resolve().parents[3] / "docs" / "reference"
MODULES: Final = (
    "cases",
    "matters",
    "notices",
    "territory",
    "accounts",
    "kernel",
)  # as the layers, top first
_MADE: Final = "<!-- Made by `xiangli reference` from the code. Change the code, then run it again. -->\n"


def pages() -> dict[str, str]:
    """Every page of the reference by its file's name."""
    with translation.override(None):  # the words of the source: Chinese
        return {name: f"{_MADE}\n{make()}" for name, make in sorted(_PAGES.items())}


def stale(folder: Path = FOLDER) -> list[str]:
    """The names of pages that are missing, out of date, or made by nothing any more."""
    made = pages()
    wrong = [name for name, text in made.items() if not _says(folder / name, text)]
    return sorted(wrong + [path.name for path in folder.glob("*.md") if path.name not in made])


def write(folder: Path = FOLDER) -> list[str]:
    """Bring the pages up to date; returns the names of those that changed."""
    changed = stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for name in changed:
        if name in made:
            (folder / name).write_text(made[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def _says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def _english() -> Callable[..., str]:
    known = catalogue.read()

    def english(words: Any, *, act: bool = False) -> str:
        message = known.get(str(words), "act" if act else None) or known.get(str(words))
        return str(message.string) if message is not None and message.string else ""

    return english


# --- states


def _states() -> str:
    text = (
        "# States\n\nWhat leads from where to where, for each workflow, from its one table of transitions.\n"
    )
    return text + "".join(_workflow(workflow) for _code, workflow in sorted(workflows().items()))


def _workflow(workflow: Workflow) -> str:
    english = _english()
    names = {state: f"{label} {english(label).lower()}".strip() for state, label in workflow.states.items()}
    sources = {source for row in workflow.table.values() for source in row.sources}
    targets = {target for row in workflow.table.values() for target in row.targets}
    order = list(workflow.states)
    lines = ["stateDiagram-v2"]
    lines += [f"    {state}: {name}" for state, name in names.items()]
    lines += [f"    [*] --> {state}" for state in workflow.begins]
    for row in workflow.table.values():
        for source in sorted(row.sources, key=order.index):
            lines += [f"    {source} --> {target}: {row.label}" for target in row.targets]
    lines += [f"    {state} --> [*]" for state in order if state in targets - sources]
    rows = [
        (
            f"`{row.action}`",
            row.label,
            english(row.label, act=True),
            ", ".join(f"`{source}`" for source in sorted(row.sources, key=order.index)),
            ", ".join(f"`{target}`" for target in row.targets) or "stays",
            _who(row),
            "yes" if row.note_required else "",
        )
        for row in workflow.table.values()
    ]
    head = ("action", "中文", "English", "from", "to", "who", "words needed")
    return (
        f"\n## {workflow.code}\n\n```mermaid\n"
        + "\n".join(lines)
        + "\n```\n\nThe diagram leaves out what moves nothing: the acts whose state stays.\n\n"
        + _table(head, rows)
    )


def _who(row: Transition) -> str:
    if row.by_rule:
        return "nobody: a clock"
    return "the reporter, by the receipt" if row.by_reporter else f"a post with `{row.permission}`"


# --- clocks


def _clocks() -> str:
    english = _english()
    when = {
        name: ", ".join(f"`{state}`" for state in State if name in RUNS.get(state, ())) for name in ClockName
    }
    when |= _OTHER_CLOCKS
    still = {
        name: ", ".join(f"`{state}`" for state in State if name in HOLDS.get(state, ())) for name in ClockName
    }
    clocks = [
        (f"`{name.value}`", name.label, english(name.label).lower(), when[name], still[name])
        for name in ClockName
    ]
    limits = [
        (
            f"`{clock}`",
            f"{amount} {kind}".replace("_", " "),
            limit["applies"],
            limit["valid_from"],
            limit["source"],
        )
        for clock in ClockName
        for limit in tomllib.loads(OURS.read_text(encoding="utf-8"))["limit"]
        if clock in limit
        for amount, kind in [limit[clock]]
    ]
    return (
        "# Clocks\n\nWhich clock runs in which state, and the limits that come with the program; a county sets its own rows."
        " A case is judged by the limits in force on the day of its report.\nHow they run: [clocks](../explanation/clocks.md).\n\n"
        + _table(("clock", "中文", "English", "runs", "stands still"), clocks)
        + "\n## Limits\n\n`danger` is for categories of danger, `ordinary` for all others; a category may have its own.\n\n"
        + _table(("clock", "limit", "applies to", "from", "source"), limits)
    )


# Clocks that no state runs by itself.
_OTHER_CLOCKS: Final[dict[ClockName, str]] = {
    ClockName.ESCALATE: "while another clock is overdue, below the county's top",
    ClockName.ANSWER: "from an order until its answer",
    ClockName.PART: "from asking a post to handle together until it reports",
    ClockName.SUSPENSION: "`suspended`; the days that were asked for, at most the limit",
    ClockName.EXTENSION: "no clock: the most that extensions may add",
    ClockName.CONFIRM: "no clock: until when the reporter may confirm or reopen after closing",
}


# --- roles


def _roles() -> str:
    text = (
        "# Roles\n\nWhat each post may do, by scheme, inside its own unit and what lies below it. A county follows one scheme;"
        " one that differs takes a file of its own.\nOn a private or sealed matter only the seats written on it count.\n"
    )
    for path in sorted(files(_presets).iterdir(), key=lambda path: path.name):
        if path.name.endswith(".toml"):
            text += _scheme(path.name.removesuffix(".toml"), tomllib.loads(path.read_text(encoding="utf-8")))
    return text


def _scheme(code: str, scheme: dict[str, Any]) -> str:
    def words(row: list[str]) -> list[str]:
        return [word for item in row for word in (scheme["sets"][item[1:]] if item[0] == "@" else [item])]

    levels = {row["code"]: f"{row['name']} {row['name_en']}" for row in scheme["levels"]}
    posts = scheme["posts"]
    verbs = sorted({verb for post in posts for verb in words(post["permissions"])})
    may = [
        (
            f"{post['name']}<br>{post['name_en']}",
            "<br>".join(levels[level] for level in post["levels"]),
            *("●" if verb in words(post["permissions"]) else "" for verb in verbs),
        )
        for post in posts
    ]
    duties = [
        (
            f"{post['name']}<br>{post['name_en']}",
            "yes" if post.get("on_plate") else "",
            "" if post.get("single", True) else "several",
            ", ".join(f"`{duty}`" for duty in words(post["duties"])),
        )
        for post in posts
    ]
    return (
        f"\n## {code}: {scheme['name']}\n\n{scheme['name_en']}\n\n"
        + _table(("post", "stands on", *(f"`{verb}`" for verb in verbs)), may)
        + "\n"
        + _table(("post", "on the plate", "holders", "answers for"), duties)
    )


# --- addresses


def _urls() -> str:
    rows = [
        (f"`/{address}`", f"`{name}`", said) for address, name, said in sorted(_addresses(get_resolver()))
    ]
    return (
        "# Addresses\n\nWho may open which is a table as well, and every address stands in it:"
        " `tests/architecture/test_fence_matrix.py`.\n\n" + _table(("address", "name", "what it is"), rows)
    )


def _addresses(resolver: URLResolver, before: str = "", space: str = "") -> Iterator[tuple[str, str, str]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _addresses(entry, before + str(entry.pattern), inner)
        elif isinstance(entry, URLPattern):
            yield before + str(entry.pattern), f"{space}{entry.name}", _said(entry.callback)


def _said(view: Any) -> str:
    """The first sentence of the page's docstring; of a library's page, whose it is."""
    page = getattr(view, "view_class", inspect.unwrap(view))
    if not page.__module__.startswith("xiangli."):
        return f"{page.__module__.split('.')[0]}'s"
    return (inspect.getdoc(page) or "").split("\n\n")[0].replace("\n", " ")


# --- tables


def _data_model() -> str:
    text = "# Data model\n\nTables by module. A column that may be empty has `?`; a key into another module leads to a bare table.\n"
    for label in MODULES:
        config = apps.get_app_config(label)
        ours = sorted(config.get_models(include_auto_created=True), key=lambda model: model.__name__)
        lines = ["erDiagram", *(line for model in ours for line in _relations(model))]
        lines += [line for model in ours for line in _columns(model)]
        text += f"\n## {label}\n\n```mermaid\n" + "\n".join(lines) + "\n```\n\n"
        text += _table(("table", "what it is"), [(f"`{m._meta.db_table}`", _meaning(m)) for m in ours])
    return text


def _relations(model: type[models.Model]) -> Iterator[str]:
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            assert isinstance(field.remote_field.model, type)
            one = "|o" if field.null else "||"
            many = "o|" if field.unique else "o{"
            yield f"    {field.remote_field.model.__name__} {one}--{many} {model.__name__} : {field.name}"


def _columns(model: type[models.Model]) -> Iterator[str]:
    yield f"    {model.__name__} {{"
    for field in model._meta.concrete_fields:
        target: models.Field[Any, Any] = field
        while isinstance(target, models.ForeignKey):
            target = target.target_field
        kind = target.get_internal_type().removesuffix("Field").lower()
        keys = ["PK"] if field.primary_key else []
        keys += ["FK"] if isinstance(field, models.ForeignKey) else []
        keys += ["UK"] if field.unique and not field.primary_key else []
        marks = f" {', '.join(keys)}" if keys else ""
        yield f"        {kind} {field.column}{marks}" + (' "?"' if field.null else "")
    yield "    }"


def _meaning(model: type[models.Model]) -> str:
    said = inspect.getdoc(model) or ""
    return "" if said.startswith(f"{model.__name__}(") else said.split("\n\n")[0].replace("\n", " ")


_PAGES: Final[dict[str, Callable[[], str]]] = {
    "clocks.md": _clocks,
    "data-model.md": _data_model,
    "roles.md": _roles,
    "states.md": _states,
    "urls.md": _urls,
}
