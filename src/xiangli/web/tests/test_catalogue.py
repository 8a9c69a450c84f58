from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from xiangli.web import catalogue


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "module" / "templates").mkdir(parents=True)
    (tmp_path / "module" / "tests").mkdir()
    (tmp_path / "module" / "rules.py").write_text(
        'A = _("接单")\nB = gettext_lazy("退回"\n    "原因")\nC = ngettext("%(n)d 天", "%(n)d 天", 2)\n'
        'D = pgettext("日期格式", "n月j日")\n',
        encoding="utf-8",
    )
    (tmp_path / "module" / "tests" / "test_x.py").write_text('_("测试里的词")\n', encoding="utf-8")
    (tmp_path / "module" / "templates" / "page.html").write_text(
        '<div>\n        {% translate "我要上报" %}\n    {% include "x.html" with label=_("打印") %}\n'
        "{% blocktranslate with name=n trimmed %}\n  {{ name }}，\n  您好\n{% endblocktranslate %}\n"
        '{{ x|default:_("没有") }}{# 注释 #}</div>\n',
        encoding="utf-8",
    )
    return tmp_path


def _ids(catalog: Catalog) -> set[object]:
    return {message.id for message in catalog if message.id}


def test_found_in_sources_reads_python_and_templates_without_tests(root: Path) -> None:
    found = catalogue.found_in_sources(root)
    assert _ids(found) == {
        "接单", "退回原因", ("%(n)d 天", "%(n)d 天"), "n月j日", "我要上报", "打印", "%(name)s， 您好", "没有",
    }  # fmt: skip
    message = found.get("n月j日", "日期格式")
    assert message is not None
    assert message.context == "日期格式"


def test_unmarked_names_chinese_outside_translation_tags(root: Path) -> None:
    assert list(catalogue.unmarked(root)) == []
    (root / "module" / "templates" / "bad.html").write_text("<p>\n没有标记</p>", encoding="utf-8")
    (root / "module" / "templates" / "500.html").write_text("<p>两种语言</p>", encoding="utf-8")
    assert [gap.words for gap in catalogue.unmarked(root)] == ["<p> 没有标记</p>"]


def test_merge_keeps_the_english_and_brings_lost_words_back(root: Path) -> None:
    english = catalogue.read(root / "none.po")
    catalogue.merge(english, catalogue.found_in_sources(root))
    english["接单"].string = "Take"
    rules = root / "module" / "rules.py"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("接单", "领办"), encoding="utf-8")
    catalogue.merge(english, catalogue.found_in_sources(root))
    assert "接单" not in _ids(english)
    assert "领办" in _ids(english)
    catalogue.write(english, root / "en.po")
    english = catalogue.read(root / "en.po")
    rules.write_text(text, encoding="utf-8")
    catalogue.merge(english, catalogue.found_in_sources(root))
    assert english["接单"].string == "Take"


def test_write_is_the_same_when_nothing_changed(root: Path) -> None:
    english = catalogue.read(root / "en.po")
    catalogue.merge(english, catalogue.found_in_sources(root))
    catalogue.write(english, root / "en.po")
    first = (root / "en.po").read_bytes()
    again = catalogue.read(root / "en.po")
    catalogue.merge(again, catalogue.found_in_sources(root))
    catalogue.write(again, root / "en.po")
    assert (root / "en.po").read_bytes() == first


@pytest.mark.parametrize(
    ("english", "what"),
    [
        ("", "without English"),
        ("%(names)s, hello", "other placeholders than the Chinese"),
        ("hello", "other placeholders than the Chinese"),
        ("%(name)s, 您好", "Chinese within the English"),
        ("%(name)s, hello", None),
    ],
)
def test_gaps_names_what_is_wrong_with_the_english(english: str, what: str | None) -> None:
    sources, catalog = Catalog(), Catalog(locale="en", fuzzy=False)
    sources.add("%(name)s，您好")
    catalog.add("%(name)s，您好", english)
    assert [gap.what for gap in catalogue.gaps(catalog, sources)] == ([what] if what else [])


def test_gaps_names_words_missing_left_over_and_unsure() -> None:
    sources, catalog = Catalog(), Catalog(locale="en", fuzzy=False)
    sources.add("接单")
    sources.add("退回")
    catalog.add("退回", "Return", flags=["fuzzy"])
    catalog.add("旧词", "Old")
    assert {(gap.what, gap.words) for gap in catalogue.gaps(catalog, sources)} == {
        ("not in the catalogue", "接单"),
        ("unsure (fuzzy)", "退回"),
        ("no longer in the sources", "旧词"),
    }


def test_gaps_wants_both_numbers_of_a_plural() -> None:
    sources, catalog = Catalog(), Catalog(locale="en", fuzzy=False)
    sources.add(("%(n)d 天", "%(n)d 天"))
    catalog.add(("%(n)d 天", "%(n)d 天"), ("%(n)d day", ""))
    assert [gap.what for gap in catalogue.gaps(catalog, sources)] == ["without English"]


def test_compile_catalogue_writes_what_gettext_reads_and_only_when_needed(tmp_path: Path) -> None:
    folder = tmp_path / "en" / "LC_MESSAGES"
    english = catalogue.read(folder / "django.po")
    english.add("接单", "Take")
    catalogue.write(english, folder / "django.po")
    assert catalogue.compile_catalogue(folder / "django.po")
    assert not catalogue.compile_catalogue(folder / "django.po")
    with (folder / "django.mo").open("rb") as compiled:
        assert GNUTranslations(compiled).gettext("接单") == "Take"
