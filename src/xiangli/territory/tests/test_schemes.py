"""A county's own levels and posts."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.kernel.ledger import history
from xiangli.kernel.refusals import Refused
from xiangli.territory import actions
from xiangli.territory import presets as packaged
from xiangli.territory.models import Level, Post, Scheme, Unit
from xiangli.territory.queries import Actor, actor_for
from xiangli.territory.states import Duty, verb_labels
from xiangli.territory.tests.factories import Small, make_county


@pytest.fixture
def small(db: None) -> Small:
    return make_county()


@pytest.fixture
def admin(small: Small) -> User:
    user = small.seat("county_admin", small.county, "管理员").user
    User.objects.filter(pk=user.pk).update(require_second_factor=False)
    return user


def acting(user: User) -> Actor:
    return actor_for(user, at=clock.now())


def of(post: Post, **more: Any) -> dict[str, Any]:
    return {
        "name": post.name,
        "name_en": post.name_en,
        "order": post.order,
        "on_plate": post.on_plate,
        "duties": post.duties,
        "permissions": post.permissions,
        **more,
    }


def test_every_verb_and_duty_of_the_packaged_schemes_has_its_words() -> None:
    known, duties = verb_labels(), set(Duty.values)
    for code in actions.presets():
        wanted = tomllib.loads(files(packaged).joinpath(f"{code}.toml").read_text(encoding="utf-8"))
        sets = wanted["sets"]
        for post in wanted["posts"]:
            for key, there in (("permissions", known.keys()), ("duties", duties)):
                for word in post[key]:
                    spelt = sets[word[1:]] if word.startswith("@") else [word]
                    assert set(spelt) <= set(there), (code, post["code"])


def test_a_changed_scheme_becomes_the_countys_own_and_is_not_written_over(small: Small, admin: User) -> None:
    scheme = Scheme.objects.get()
    post = small.posts["lane_head"]
    actions.edit_post(
        by=acting(admin), county=small.county, post=post, **of(post, name="巷长", duties=["environment"])
    )
    scheme.refresh_from_db()
    assert scheme.code == "own-140826"
    assert actions.refresh_presets() == []
    post.refresh_from_db()
    assert (post.name, post.duties) == ("巷长", ["environment"])
    actions.load_preset("lanes")  # another county's
    post.refresh_from_db()
    assert post.name == "巷长"
    event = history(small.county.pk)[-1]
    assert event.kind == "edit_post"
    assert event.data["duties"]["to"] == ["environment"]
    assert "traffic" in event.data["duties"]["from"]


def test_a_scheme_that_several_counties_follow_is_not_one_countys_to_change(
    small: Small, admin: User
) -> None:
    make_county("61/08/31/", "子洲县", west=112.0)
    with pytest.raises(Refused, match="子洲县") as refused:
        actions.edit_level(
            by=acting(admin),
            county=small.county,
            level=small.levels["lane"],
            name="胡同",
            name_en="",
            has_plate=True,
        )
    assert refused.value.code == "shared_scheme"
    assert Scheme.objects.get().code == "lanes"


def test_what_ones_own_post_may_do_another_decides(small: Small, admin: User) -> None:
    post = small.posts["county_admin"]
    wider = [*post.permissions, "reveal_contact"]
    with pytest.raises(Refused) as refused:
        actions.edit_post(by=acting(admin), county=small.county, post=post, **of(post, permissions=wider))
    assert refused.value.code == "own_post"
    actions.edit_post(by=acting(admin), county=small.county, post=post, **of(post, name="县管理员"))


def test_whoever_may_open_contacts_by_a_change_needs_a_second_factor(small: Small, admin: User) -> None:
    head = small.seat("grid_head", small.grid).user
    post = small.posts["grid_head"]
    wider = [*post.permissions, "reveal_contact"]
    actions.edit_post(by=acting(admin), county=small.county, post=post, **of(post, permissions=wider))
    head.refresh_from_db()
    assert head.require_second_factor
    assert acting(head).may("reveal_contact", small.lane.path)


def test_only_known_duties_and_permissions_are_given(small: Small, admin: User) -> None:
    post = small.posts["grid_head"]
    for wrong, code in (({"duties": ["spying"]}, "duties"), ({"permissions": ["fly"]}, "permissions")):
        with pytest.raises(Refused) as refused:
            actions.edit_post(by=acting(admin), county=small.county, post=post, **of(post, **wrong))
        assert refused.value.code == code


def test_plates_for_a_level_that_had_none(small: Small, admin: User) -> None:
    actions.edit_level(
        by=acting(admin),
        county=small.county,
        level=small.levels["grid"],
        name="网格",
        name_en="grid",
        has_plate=True,
    )
    code = Unit.objects.get(pk=small.grid.pk).plate_code
    assert code is not None
    assert code not in {small.lane.plate_code, small.lane_two.plate_code}
    assert history(small.county.pk)[-1].data["plates"] == 1


def test_add_a_level_below_and_a_post_on_it(small: Small, admin: User) -> None:
    by = acting(admin)
    level = actions.add_level(
        by=by, county=small.county, below=small.levels["lane"], code="courtyard", name="院落", name_en="courtyard",
        has_plate=True,
    )  # fmt: skip
    assert (level.parent, level.rank) == (small.levels["lane"], 6)
    post = actions.add_post(
        by=by, county=small.county, code="courtyard_head", name="院长", name_en="courtyard head",
        levels=["courtyard"], single=True, order=10, on_plate=True, duties=["environment"],
        permissions=["take_case", "report_case"],
    )  # fmt: skip
    yard = actions.open_unit(
        parent=small.lane, level=level, label="01", name="一号院", valid_from=small.lane.valid_from
    )
    assert yard.plate_code
    appointment = actions.appoint(
        user=User.objects.create_user(display_name="院长"), unit=yard, post=post, valid_from=yard.valid_from
    )
    assert acting(appointment.user).may("take_case", yard.path)
    for code, fault in (("courtyard", "code_taken"), ("大院", "code"), ("", "code")):
        with pytest.raises(Refused) as refused:
            actions.add_level(
                by=by, county=small.county, below=level, code=code, name="院", name_en="", has_plate=False
            )
        assert refused.value.code == fault
    organ = Level.objects.get(scheme=level.scheme, code="organ")
    with pytest.raises(Refused) as none_below:
        actions.add_level(
            by=by, county=small.county, below=organ, code="office", name="科", name_en="", has_plate=False
        )
    assert none_below.value.code == "no_place_below"


def test_the_pages_show_and_change_the_scheme(
    small: Small, admin: User, django_assert_num_queries: Any
) -> None:
    client = Client()
    client.force_login(admin)
    address = reverse("territory:scheme")
    client.get(address)
    with django_assert_num_queries(8):
        page = client.get(address).content.decode()
    assert "软件自带的方案" in page
    assert "街巷长" in page
    lane = reverse("territory:edit_level", args=[small.levels["lane"].pk])
    assert client.post(lane, {"name": ""}).status_code == 400
    answer = client.post(lane, {"name": "胡同", "name_en": "hutong", "has_plate": "on"})
    assert answer.status_code == 302
    assert Level.objects.get(pk=small.levels["lane"].pk).name == "胡同"
    assert "本县自己的方案" in client.get(address).content.decode()
    post = small.posts["lane_head"]
    form = {
        "name": "胡同长",
        "name_en": "",
        "order": "5",
        "duties": ["environment"],
        "permissions": ["take_case"],
    }
    client.post(reverse("territory:edit_post", args=[post.pk]), form)
    post.refresh_from_db()
    assert (post.name, post.order, post.on_plate, post.permissions) == ("胡同长", 5, False, ["take_case"])
    new = {**form, "name": "楼长", "code": "house_head", "levels": ["lane"], "several": "on"}
    client.post(reverse("territory:add_post"), new)
    assert not Post.objects.get(code="house_head").single
    below = reverse("territory:add_level", args=[small.levels["lane"].pk])
    client.post(below, {"name": "院落", "name_en": "courtyard", "code": "courtyard"})
    assert Level.objects.get(code="courtyard").rank == 6
    assert "来的事都找上一级" in client.get(address).content.decode()


def test_a_town_does_not_set_up_the_county(small: Small) -> None:
    desk = small.seat("town_desk", small.town).user
    User.objects.filter(pk=desk.pk).update(require_second_factor=False)
    client = Client()
    client.force_login(desk)
    assert client.get(reverse("territory:scheme")).status_code == 403
    with pytest.raises(Refused) as refused:
        actions.edit_level(
            by=acting(desk),
            county=small.county,
            level=small.levels["lane"],
            name="胡同",
            name_en="",
            has_plate=True,
        )
    assert refused.value.code == "not_permitted"
