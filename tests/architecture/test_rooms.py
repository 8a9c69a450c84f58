"""The shape of the house, so that it can be seen from its tree: modules, rooms, doors, purity."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import Final

import pytest

from tests.architecture.sources import EVERY, KITS, MODULES, PACKAGE, Source, sources, templates
from xiangli.cases import actions
from xiangli.cases.pages import public, staff
from xiangli.cases.states import TABLE
from xiangli.matters.states import workflows
from xiangli.territory.actions import presets

ROOMS: Final = {
    "__init__", "apps", "urls", "pages", "api", "tasks", "admin", "forms", "actions", "queries", "models", "rules",
    "states", "templates", "templatetags", "documents", "migrations", "management", "tests",
}  # fmt: skip
# What a module has besides, and why.
BESIDES: Final = {
    "accounts": {
        "adapter",  # what the sign-in library asks us
        "settings",  # what it is told
        "middleware",
        "sessions",  # how long a sign-in lasts; a page's door, like `forms` is its own
    },
    "territory": {
        "fields",  # PostgreSQL's polygon as a column
        "coordinates",  # GCJ-02 to WGS-84: pure, for the edge
        "importing",  # the country's units, by the hundred thousand, past the ORM
        "presets",  # schemes as data
        "data",  # provinces, prepared for the import
    },
    "notices": {"channels"},  # the providers' APIs, and what is said there
    "cases": {"data"},  # the catalogue of categories
}
DOORS: Final = {"actions", "queries", "rules", "states"}
# Other ways in: who, where, why. Nobody else's models but these are opened from outside.
ALSO: Final = {
    ("cases", "matters.models"): "a workflow writes the matter's row, which is the lock it holds",
    ("cases", "territory.models"): "units by key, and as types: rules and pages speak of them",
    ("insight", "territory.models"): "as above",
    ("territory", "accounts.models"): "an enrolment link in a signature",
    ("cases", "accounts.sessions"): "a page asks whether its person proved themselves just now",
    ("territory", "accounts.sessions"): "as above",
    ("notices", "accounts.sessions"): "as above",
}
MOST_LINES: Final = 500


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_the_rooms_of_the_house(module: str) -> None:
    found = {
        path.stem
        for path in (PACKAGE / module).iterdir()
        if path.name != "__pycache__" and not path.name.startswith(".")
    }
    assert found - ROOMS - BESIDES.get(module, set()) == set()
    assert BESIDES.get(module, set()) - found == set()


def test_every_module_is_known_here_and_to_the_layers() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert packages == set(EVERY)
    settings = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    assert set(layers["layers"]) == packages
    assert layers["exhaustive"] is True


@pytest.mark.parametrize("module", [*MODULES, *KITS])
def test_a_module_says_what_it_owns_and_may_call(module: str) -> None:
    said = ast.get_docstring(ast.parse((PACKAGE / module / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert "Owns:" in said
    assert re.search(r"May\s+call:", said)


def test_no_room_is_longer_than_500_lines() -> None:
    assert {source.name for source in sources() if source.lines > MOST_LINES} == set()


def test_a_module_is_entered_through_its_doors() -> None:
    wrong, used = [], set()
    for source in sources():
        if source.module == "config":
            continue
        for name in source.imports():
            parts = name.split(".")
            if (
                parts[0] != "xiangli"
                or parts[1] not in MODULES
                or parts[1] == source.module
                or len(parts) < 3
            ):
                continue
            way = (source.module, f"{parts[1]}.{parts[2]}")
            if parts[2] in DOORS:
                continue
            used.add(way)
            if way not in ALSO:
                wrong.append(f"{source.name} imports {name}")
    assert wrong == []
    assert ALSO.keys() - used == set(), "an exception that nobody needs any more"


def test_kits_know_no_module() -> None:
    """Words of the trade stay above: the layers forbid the import, this also the name in a setting or a table."""
    for source in sources():
        if source.module in KITS:
            for name in source.imports():
                assert not name.startswith(tuple(f"xiangli.{module}." for module in MODULES)), source.name


# ------------------------------------------------------------------------------------------------------- purity

RULES: Final = [source for source in sources() if source.room == "rules" or source.name == "kernel/clocks.py"]
_IMPURE: Final = {
    "os", "io", "sys", "time", "random", "secrets", "socket", "pathlib", "subprocess", "threading", "logging", "urllib",
    "psycopg", "requests", "httpx",
}  # fmt: skip
_READS_A_CLOCK: Final = {"now", "utcnow", "today", "localtime", "localdate", "monotonic", "time"}


@pytest.mark.parametrize("source", RULES, ids=lambda source: source.module)
def test_rules_are_pure(source: Source) -> None:
    for name in source.imports():
        top = name.split(".")[0]
        assert top not in _IMPURE, name
        if top == "django":
            assert name.startswith("django.utils.translation."), name
        if top == "xiangli":
            room = name.split(".")[2]
            assert room in ("rules", "states", "refusals", "transitions", "clocks"), name
    for call in source.calls():
        assert call.split(".")[-1] not in _READS_A_CLOCK, call
        assert call not in ("open", "print", "input", "eval", "exec"), call


def test_one_place_reads_the_clock() -> None:
    """Else neither a test nor the demo could set it. The command line and the launcher have no business there."""
    found = {
        source.name
        for source in sources()
        for call in source.calls()
        if re.search(
            r"(^|\.)(timezone\.now|datetime\.now|datetime\.utcnow|date\.today|datetime\.today)$", call
        )
        or (call.endswith("localdate") and source.module in MODULES and _no_argument(source.tree, call))
    }
    assert found == {"kernel/clock.py"}


def _no_argument(tree: ast.Module, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == name and not node.args and not node.keywords
        for node in ast.walk(tree)
    )


def test_nothing_happens_by_signal() -> None:
    """What an action does stands in the action. Not even after a migration: a command says what it loads."""
    for source in sources():
        for name in source.imports():
            assert "signals" not in name.split("."), f"{source.name} imports {name}"
            assert not name.startswith("django.dispatch"), f"{source.name} imports {name}"


# ------------------------------------------------------------------------------------------------------- one verb all the way


def test_every_transition_is_an_action_a_page_and_a_permission_of_one_name() -> None:
    for row in TABLE.values():
        if row.by_rule:  # of a clock, which presses no button
            assert row.permission is None
            continue
        assert callable(getattr(actions, row.action)), row.action
        if row.by_reporter:
            assert row.permission is None
            assert row.action in public._THANKS
        else:
            assert row.permission == row.action
            assert row.action in staff.DONE
    by_rule = {row.action for row in TABLE.values() if row.by_rule}
    assert public._THANKS.keys() | staff.DONE.keys() | by_rule == TABLE.keys()


def test_presets_grant_only_verbs_that_exist() -> None:
    """A permission that nothing asks for, a verb that nobody holds: both are slips."""
    asked = {row.permission for row in TABLE.values() if row.permission} | {"report_case", "reveal_contact"}
    asked |= {"appoint_staff", "end_unit", "enrol_staff", "print_plate", "set_on_call", "retry_delivery"}
    asked |= {"manage_settings", "import_orders"}
    granted: set[str] = set()
    for code in presets():
        scheme = tomllib.loads(
            (PACKAGE / "territory" / "presets" / f"{code}.toml").read_text(encoding="utf-8")
        )
        for post in scheme["posts"]:
            for word in post["permissions"]:
                granted |= set(scheme["sets"][word[1:]]) if word.startswith("@") else {word}
    assert granted == asked


def test_every_workflow_is_registered_with_its_table() -> None:
    assert {code: workflow.table for code, workflow in workflows().items()} == {"case": TABLE}


# ------------------------------------------------------------------------------------------------------- pages

_OWN: Final = r"<style|javascript:|<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")"
_IN_PAGES: Final = re.compile(_OWN + r"|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']", re.IGNORECASE)
_IN_CODE: Final = re.compile(_OWN + r"|<[a-z][^<>]*\s(?:style|on[a-z]+)\s*=\s*[\"']", re.IGNORECASE)


def test_no_page_has_script_or_style_of_its_own() -> None:
    """The content security policy would not run it."""
    texts = [(path, _IN_PAGES) for path in templates()] + [(source.path, _IN_CODE) for source in sources()]
    assert len(texts) > 100
    found = [
        f"{path.relative_to(PACKAGE)}: {match.group()!r}"
        for path, inline in texts
        for match in inline.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_template_marks_words_as_safe() -> None:
    for path in templates():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape off", text), path
