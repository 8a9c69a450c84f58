"""Pages of an administrator of units: what they show, what they ask before, what they refuse."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.territory import actions
from xiangli.territory.models import Unit
from xiangli.territory.rules import day_of
from xiangli.territory.tests.factories import SINCE, Small, make_county

DAY = timedelta(days=1)
TODAY = day_of(clock.now())


@pytest.fixture
def small(db: None) -> Small:
    return make_county()


@pytest.fixture
def town(small: Small) -> Client:
    return signed_in(small.seat("town_admin", small.town, "畅管理").user)


def signed_in(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(require_second_factor=False)
    client = Client()
    client.force_login(user)
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


def where(name: str, *args: Any) -> str:
    return reverse(f"territory:{name}", args=args)


def village(small: Small, name: str, **more: Any) -> Unit:
    return actions.open_unit(
        parent=small.town, level=small.levels["village"], name=name, valid_from=SINCE, **more
    )


def kept(page: str) -> dict[str, Any]:
    """What the page of a preview sends along when somebody says yes."""
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', page):
        if name != "csrfmiddlewaretoken":
            fields.setdefault(name, []).append(value)
    return fields


def test_the_hub_leads_to_what_the_post_allows(small: Small, town: Client) -> None:
    page = text(town.get(where("settings")))
    assert where("list_units") in page
    assert where("people") in page
    head = signed_in(small.seat("lane_head", small.lane).user)
    refused = head.get(where("settings"))
    assert refused.status_code == 403
    assert "找村委会、乡镇或县里的管理员" in text(refused)
    director = signed_in(small.seat("village_director", small.village).user)
    page = text(director.get(where("settings")))
    assert where("list_units") not in page
    assert director.get(where("list_units")).status_code == 403


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_take_the_same_statements_for_one_and_for_three(
    small: Small, town: Client, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows - 1):
        actions.end_unit(
            unit=village(small, f"旧{number}村"), on=TODAY, successors=[village(small, f"新{number}村")]
        )
        actions.rename_unit(unit=small.village, on=TODAY, name=f"第{number}次的名")
    town.get(where("settings"))
    for address, statements in (
        (where("settings"), 4),
        (where("list_units"), 6),
        (where("show_unit", small.town.pk) + "?ended=1", 11),
        (where("show_unit", small.village.pk), 11),
    ):
        with django_assert_num_queries(statements):
            assert town.get(address).status_code == 200


def test_the_tree_is_walked_a_level_at_a_time_with_dates(small: Small, town: Client) -> None:
    old = village(small, "旧村")
    actions.end_unit(unit=old, on=TODAY, successors=[small.village])
    page = text(town.get(where("list_units")))
    assert "横北村" in page
    assert "旧村" not in page
    assert "第一网格" not in page
    everything = text(town.get(where("list_units") + "?ended=1"))
    assert "旧村" in everything
    assert "已撤并" in everything
    assert str(TODAY) in everything
    own = text(town.get(where("show_unit", old.pk)))
    assert "由谁接续" in own
    assert where("show_unit", small.village.pk) in own
    assert where("rename_unit", old.pk) not in own
    assert "第一网格" in text(town.get(where("show_unit", small.village.pk)))


def test_pages_stay_in_the_territory(small: Small, town: Client) -> None:
    other = make_county("61/08/31/", "子洲县", west=112.0)
    for name in ("show_unit", "open_unit", "rename_unit", "split_unit", "end_unit"):
        assert town.get(where(name, other.lane.pk)).status_code == 404
        assert town.get(where(name, small.county.pk)).status_code == 404
    assert town.get(where("merge_units"), {"unit": [str(other.village.pk)]}).status_code != 200
    assert town.get(where("merge_units"), {"unit": ["nonsense"]}).status_code == 404
    for name in ("rename_unit", "split_unit", "end_unit"):
        refused = town.get(where(name, small.town.pk))
        assert refused.status_code != 200
        assert "上一级" in text(refused)
    assert town.post(where("merge_units"), {"unit": [small.town.pk]}).status_code != 200


def test_a_unit_is_opened_and_renamed(small: Small, town: Client) -> None:
    address = where("open_unit", small.grid.pk)
    assert "三巷" not in text(town.get(address))
    faulty = town.post(address, {"level": small.levels["lane"].pk, "name": "", "since": "soon"})
    assert faulty.status_code == 400
    assert "请写名称" in text(faulty)
    assert "2026-11-22 这样的日期" in text(faulty)
    early = town.post(
        address, {"level": small.levels["lane"].pk, "name": "三巷", "since": SINCE - DAY, "code": ""}
    )
    assert "上级单位在这一天不存在" in text(early)
    assert town.post(
        address, {"level": small.levels["town"].pk, "name": "三巷", "since": TODAY}
    ).status_code == 400  # fmt: skip
    done = town.post(address, {"level": small.levels["lane"].pk, "name": "三巷", "since": TODAY})
    lane = Unit.objects.get(name="三巷")
    assert done["Location"] == where("show_unit", lane.pk)
    assert (lane.path, bool(lane.plate_code)) == ("14/08/26/101/200/01/03/", True)

    address = where("rename_unit", small.village.pk)
    assert "3 块公示牌" in text(town.get(address))
    assert "都没有改动" in text(
        town.post(address, {"name": "横北村委会", "short_name": "横北村", "on": TODAY})
    )
    assert town.post(address, {"name": "横北新村", "on": TODAY}).status_code == 302
    page = text(town.get(where("show_unit", small.village.pk)))
    assert "曾用名" in page
    assert "横北村委会" in page


def test_a_merge_is_previewed_confirmed_by_its_name_and_done_once(small: Small, town: Client) -> None:
    south = village(small, "横南村")
    director = small.seat("village_director", small.village, "赵主任").user
    address = where("merge_units")
    chosen = {"unit": [str(small.village.pk), str(south.pk)]}
    assert "横北村、横南村" in text(town.get(address, chosen))
    form = {**chosen, "on": TODAY, "into": "new", "name": "横水村委会", "short_name": "横水村"}
    assert "请写新单位的名称" in text(town.post(address, {**form, "name": ""}))
    assert "已经过去了" in text(town.post(address, {**form, "on": TODAY - DAY}))

    seen = town.post(address, {**form, "step": "preview"})
    page = text(seen)
    assert seen.status_code == 200
    assert Unit.objects.filter(valid_to=None, name="横水村委会").count() == 0
    assert director.display_name in page
    assert "确认以后不能撤销" in page
    assert "14/08/26/101/202/01/" in page
    fields = kept(page)
    assert sorted(fields["unit"]) == sorted(chosen["unit"])
    again = town.post(address, {**fields, "step": "edit"})
    assert again.status_code == 200
    assert 'value="横水村委会"' in text(again)

    wrong = town.post(address, {**fields, "step": "confirm", "typed": "横北村"})
    assert wrong.status_code == 400
    assert "和“横水村”不一样" in text(wrong)
    # somebody opened a lane meanwhile: what was seen is not what would be done
    actions.open_unit(parent=small.grid, level=small.levels["lane"], name="三巷", valid_from=SINCE)
    stale = town.post(address, {**fields, "step": "confirm", "typed": "横水村"})
    assert stale.status_code == 400
    assert "情况有变化" in text(stale)
    assert not Unit.objects.filter(name="横水村委会").exists()
    fields = kept(text(stale))
    done = town.post(address, {**fields, "step": "confirm", "typed": " 横水村 "})
    new = Unit.objects.get(name="横水村委会")
    assert done["Location"] == where("show_unit", new.pk)
    assert Unit.objects.filter(path__startswith=new.path).count() == 5
    twice = town.post(address, {**fields, "step": "confirm", "typed": "横水村"})
    assert twice.status_code == 400
    assert "已经结束" in text(twice)
    assert Unit.objects.filter(name="横水村委会").count() == 1


def test_a_split_names_what_goes_nowhere_and_keeps_what_was_chosen(small: Small, town: Client) -> None:
    second = actions.open_unit(
        parent=small.village, level=small.levels["grid"], name="第二网格", valid_from=SINCE
    )
    address = where("split_unit", small.village.pk)
    assert text(town.get(address + "?parts=3")).count('name="name_') == 3
    assert text(town.get(address + "?parts=99")).count('name="name_') == 6
    form = {
        "parts": 2,
        "on": TODAY,
        "name_0": "东村",
        "name_1": "西村",
        f"goes_{small.grid.pk}": "0",
        f"goes_{second.pk}": "",
        "step": "preview",
    }
    nowhere = town.post(address, form)
    assert nowhere.status_code == 400
    assert "这些单位还没有归处：第二网格" in text(nowhere)
    assert town.post(address, {**form, f"goes_{second.pk}": "7"}).status_code == 400
    fields = kept(text(town.post(address, {**form, f"goes_{second.pk}": "1"})))
    done = town.post(address, {**fields, "step": "confirm", "typed": "横北村"})
    assert done["Location"] == where("show_unit", small.village.pk)
    assert [unit.path for unit in Unit.objects.filter(name__in=["东村", "西村"]).order_by("path")] == [
        "14/08/26/101/201/",
        "14/08/26/101/202/",
    ]


def test_a_lane_is_ended_with_its_successors(small: Small, town: Client) -> None:
    assert where("end_unit", small.grid.pk) not in text(town.get(where("show_unit", small.grid.pk)))
    assert "旁边没有同级的单位" in text(town.get(where("end_unit", small.grid.pk)))
    address = where("end_unit", small.lane.pk)
    assert where("end_unit", small.lane.pk) in text(town.get(where("show_unit", small.lane.pk)))
    assert "请选由谁接续" in text(town.post(address, {"on": TODAY, "step": "preview"}))
    seen = town.post(address, {"on": TODAY + 3 * DAY, "successors": [small.lane_two.pk], "step": "preview"})
    assert "到那天移交" in text(seen)
    fields = kept(text(seen))
    assert town.post(address, {**fields, "step": "confirm", "typed": "一巷"}).status_code == 302
    small.lane.refresh_from_db()
    assert small.lane.valid_to == TODAY + 3 * DAY
    assert "将撤并" in text(town.get(where("show_unit", small.grid.pk)))
    gone = town.post(address, {**fields, "step": "confirm", "typed": "一巷"})
    assert gone.status_code == 400
    assert "已经结束" in text(gone)


def test_pages_are_complete_in_english(small: Small, town: Client) -> None:
    south = village(small, "South village", name_en="South")
    town.cookies["django_language"] = "en"
    pages = [
        town.get(where("list_units")),
        town.get(where("show_unit", small.village.pk)),
        town.get(where("open_unit", small.grid.pk)),
        town.get(where("rename_unit", small.village.pk)),
        town.get(where("merge_units"), {"unit": [str(south.pk)]}),
        town.get(where("split_unit", small.village.pk)),
        town.get(where("end_unit", small.lane.pk)),
        town.post(
            where("merge_units"),
            {"unit": [south.pk], "on": TODAY, "into": "new", "name": "North", "step": "preview"},
        ),
    ]
    for page in pages:
        assert page.status_code == 200
        main = re.sub(r"(?s)^.*<main|</main>.*$|<input[^>]*>", "", text(page))
        words = set(re.findall(r"[\u4e00-\u9fff]+", main))
        assert words <= {
            "横北村",
            "横北村委会",
            "横水镇",
            "第一网格",
            "一巷",
            "二巷",
            "绛县",
            "北姚村委会",
            "北姚村",
            "畅管理",
        }, words
