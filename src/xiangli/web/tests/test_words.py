from datetime import timedelta

import pytest
from django.utils import translation

from xiangli.kernel.clocks import SHANGHAI
from xiangli.web import words
from xiangli.web.rules import lamp_of
from xiangli.web.templatetags.xiangli import listed
from xiangli.web.tests.gallery_pages import NOW


@pytest.mark.parametrize(
    ("shift", "chinese", "english"),
    [
        (timedelta(0), "今天 14:20", "today 14:20"),
        (timedelta(days=-1, hours=-5), "昨天 09:20", "yesterday 09:20"),
        (timedelta(days=1), "明天 14:20", "tomorrow 14:20"),
        (timedelta(days=-7), "11月15日", "15 Nov"),
        (timedelta(days=-400), "2025年10月18日", "18 Oct 2025"),
    ],
)
def test_when_words(shift: timedelta, chinese: str, english: str) -> None:
    with translation.override("zh-hans"):
        assert words.when_words(NOW + shift, now=NOW) == chinese
    with translation.override("en"):
        assert words.when_words(NOW + shift, now=NOW) == english


def test_deadline_words_always_name_the_hour() -> None:
    with translation.override("zh-hans"):
        assert words.deadline_words(NOW + timedelta(days=2), now=NOW) == "11月24日 14:20"
    with translation.override("en"):
        assert words.deadline_words(NOW + timedelta(days=2), now=NOW) == "24 Nov 14:20"


def test_until_words_end_a_day_with_that_day() -> None:
    midnight = NOW.astimezone(SHANGHAI).replace(hour=0, minute=0) + timedelta(days=1)
    with translation.override("zh-hans"):
        assert words.until_words(midnight, now=NOW) == "今天 24:00"
        assert words.until_words(midnight + timedelta(days=3), now=NOW) == "11月25日 24:00"
        assert words.until_words(midnight + timedelta(minutes=1), now=NOW) == "明天 00:01"
    with translation.override("en"):
        assert words.until_words(midnight + timedelta(days=1), now=NOW) == "tomorrow 24:00"


@pytest.mark.parametrize(
    ("due", "chinese", "english"),
    [
        (timedelta(days=3), "正常", "On time"),
        (timedelta(hours=5, minutes=59), "将到期 还剩 5 小时", "Due soon: 5 hours left"),
        (timedelta(minutes=1), "将到期 还剩 1 分钟", "Due soon: 1 minute left"),
        (timedelta(days=-2, hours=-3), "已超时 2 天", "Overdue by 2 days"),
        (None, "不计时", "No clock"),
    ],
)
def test_lamp_words(due: timedelta | None, chinese: str, english: str) -> None:
    lamp = lamp_of(None if due is None else NOW + due, now=NOW, since=NOW - timedelta(days=2))
    with translation.override("zh-hans"):
        assert words.lamp_words(lamp) == chinese
    with translation.override("en"):
        assert words.lamp_words(lamp) == english


def test_listed_with_the_mark_of_the_language() -> None:
    with translation.override("zh-hans"):
        assert listed(["北贯村", "好义村"]) == "北贯村、好义村"
    with translation.override("en"):
        assert listed(["Beiguan", "Haoyi"]) == "Beiguan, Haoyi"
    assert listed([]) == ""
