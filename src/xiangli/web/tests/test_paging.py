from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xiangli.kernel.models import ThrottleCount
from xiangli.kernel.refusals import Refused
from xiangli.web.paging import Page, paginate

pytestmark = pytest.mark.django_db
ORDER = ("-since", "-key")
START = datetime(2026, 11, 22, 6, 20, 0, 123456, tzinfo=UTC)


def _rows(count: int, same: int = 4) -> list[str]:
    """`count` rows, `same` of which share each moment, microseconds apart; their keys in ORDER."""
    ThrottleCount.objects.all().delete()
    ThrottleCount.objects.bulk_create(
        ThrottleCount(key=f"k{i:04}", since=START + timedelta(microseconds=i // same), count=i)
        for i in range(count)
    )
    return [f"k{i:04}" for i in reversed(range(count))]


def _keys(page: Page[ThrottleCount]) -> list[str]:
    return [row.key for row in page.items]


@given(count=st.integers(0, 40), size=st.integers(1, 15), same=st.integers(1, 6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_paginate_shows_every_row_once_forward_and_the_same_pages_backward(
    count: int, size: int, same: int
) -> None:
    expected = _rows(count, same)
    pages = [paginate(ThrottleCount.objects.all(), order=ORDER, size=size)]
    while pages[-1].next:
        pages.append(paginate(ThrottleCount.objects.all(), order=ORDER, cursor=pages[-1].next, size=size))
    assert [key for page in pages for key in _keys(page)] == expected
    assert not pages[0].previous
    back = pages[-1]
    for before in reversed(pages[:-1]):
        back = paginate(ThrottleCount.objects.all(), order=ORDER, cursor=back.previous, size=size)
        assert _keys(back) == _keys(before)
    assert not back.previous


def test_paginate_rises_as_well() -> None:
    expected = list(reversed(_rows(7)))
    first = paginate(ThrottleCount.objects.all(), order=("since", "key"), size=4)
    second = paginate(ThrottleCount.objects.all(), order=("since", "key"), cursor=first.next, size=4)
    assert _keys(first) + _keys(second) == expected


def test_paginate_skips_no_row_that_was_added_meanwhile() -> None:
    expected = _rows(6)
    first = paginate(ThrottleCount.objects.all(), order=ORDER, size=3)
    ThrottleCount.objects.create(key="new", since=START + timedelta(days=1), count=1)
    assert (
        _keys(paginate(ThrottleCount.objects.all(), order=ORDER, cursor=first.next, size=3)) == expected[3:]
    )


@pytest.mark.parametrize("rows", [1, 30])
def test_paginate_is_one_statement(rows: int) -> None:
    _rows(rows)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        page = paginate(ThrottleCount.objects.all(), order=ORDER, size=10)
        paginate(ThrottleCount.objects.all(), order=ORDER, cursor=page.next, size=10)
    assert len(seen) == 2


@pytest.mark.parametrize("cursor", ["x", "e30", "%00", "a" * 5000, "eyJhIjoxfQ:1abc:xyz"])
def test_paginate_refuses_a_forged_cursor(cursor: str) -> None:
    with pytest.raises(Refused) as refused:
        paginate(ThrottleCount.objects.all(), order=ORDER, cursor=cursor)
    assert refused.value.code == "invalid_cursor"


def test_paginate_refuses_a_cursor_of_another_list_or_a_changed_one() -> None:
    _rows(5)
    cursor = paginate(ThrottleCount.objects.all(), order=ORDER, size=2).next
    with pytest.raises(Refused):
        paginate(ThrottleCount.objects.all(), order=("since", "key"), cursor=cursor)
    with pytest.raises(Refused):
        paginate(
            ThrottleCount.objects.all(), order=ORDER, cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
        )


def test_paginate_takes_one_direction_only() -> None:
    with pytest.raises(ValueError, match="one direction"):
        paginate(ThrottleCount.objects.all(), order=("-since", "key"))
