"""A county whose ways out lead to the providers on loopback."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from xiangli.accounts.models import User
from xiangli.kernel import clock
from xiangli.kernel.ids import new_id
from xiangli.kernel.outbox import put, work_once
from xiangli.notices.actions import open_channel, set_address
from xiangli.notices.models import Delivery
from xiangli.notices.tests.providers import Providers
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import Actor
from xiangli.territory.tests.factories import Small, make_county

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday, 16:00 in Shanghai
NIGHT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 23:00
MORNING = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)  # 07:00 of the next day

FACTS = {"number": "20261120-0007", "category": "环境卫生", "lane": "横北村 一巷"}


@dataclass
class Town:
    """People of a county, with the addresses that the providers know."""

    place: Small
    providers: Providers
    people: dict[str, User] = field(default_factory=dict)

    def open(self, *kinds: str, **changes: Any) -> None:
        for kind in kinds:
            settings = self.providers.settings(kind) | changes
            open_channel(county=self.place.county.pk, kind=kind, settings=settings, now=NOW)

    def reach(self, who: str, kind: str, address: str) -> None:
        set_address(user_id=self.people[who].pk, kind=kind, address=address, now=NOW)

    def actor(self, who: str, at: datetime = NOW) -> Actor:
        return actor_for(self.people[who], at=at)

    def tell(self, *who: str, now: datetime = NOW, kind: str = "assign_case", **more: Any) -> UUID:
        """Put into the outbox that something happened about a new matter, for `who`; returns the matter."""
        matter = more.pop("matter", None) or new_id()
        payload = {
            "matter": matter,
            "kind": kind,
            "users": [self.people[one].pk for one in who],
            "county": self.place.county.pk,
            "facts": FACTS,
            "visibility": "ordinary",
            "danger": False,
        } | more
        if "matters" in more:
            del payload["matter"]
        put("notices.tell", payload, now=now)
        return matter

    def work(self, now: datetime = NOW, seconds: int = 0) -> None:
        """Let the worker do all that is due at `now`, and what comes due in the `seconds` after it."""
        for step in range(seconds + 1):
            at = now + timedelta(seconds=step)
            with clock.set_to(at):
                while work_once(at):
                    pass

    def rows(self) -> list[tuple[str, str, str, int]]:
        """Channel, person, state and count of each delivery, in the order in which they were made."""
        found = Delivery.objects.select_related("user").order_by("pk")
        return [(row.kind, row.user.display_name if row.user else "", row.state, row.count) for row in found]

    def texts(self, path: str = "/cgi-bin/message/send") -> list[str]:
        """What the provider was asked to say."""
        return [said(body) for body in self.providers.sent(path)]


def said(body: dict[str, Any]) -> str:
    for way in (("text", "content"), ("msg", "text", "content"), ("content",)):
        found: Any = body
        for step in way:
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, str):
            return found
    raise AssertionError(f"no words in {sorted(body)}")


def make_town(providers: Providers) -> Town:
    place = make_county()
    town = Town(place, providers)
    for key, code, unit, name in (
        ("head", "lane_head", place.lane, "张巷长"),
        ("next", "lane_head", place.lane_two, "王巷长"),
        ("director", "village_director", place.village, "赵主任"),
        ("town", "town_desk", place.town, "周值班"),
        ("town_head", "town_head", place.town, "郑镇长"),
        ("county", "county_desk", place.county, "吴值班"),
    ):
        town.people[key] = place.seat(code, unit, name).user
    return town
