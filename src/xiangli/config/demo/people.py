"""Made-up people of the demo. Every one carries `is_demo`, and the server refuses to serve them beyond
loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Final

# No secret: whoever reaches the demo on this machine may be any of these people.
PASSWORD: Final = "xiangli-demo-2026"  # noqa: S105  # printed on purpose; accepted on loopback only


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One person who can sign in: who it is in the tale, and the post it stands for."""

    username: str
    role: str
    role_en: str
    path: str  # of the unit
    post: str  # code
    display_name: str
    password: str = PASSWORD


# The scene of the first article: the second lane of a village in Miaoshang.
LANE: Final = "14/08/21/201/206/02/"

DEMO_PEOPLE: Final = (
    DemoPerson("lane", "北姚村二巷 巷长（手机）", "lane head, on a phone", LANE, "lane_head", "姚建国"),
    DemoPerson("village", "北姚村 村主任", "village director", LANE[:-3], "village_director", "姚秀兰"),
    DemoPerson("town", "庙上乡综治中心", "town centre", "14/08/21/201/", "town_desk", "李文娟"),
    DemoPerson("county", "临猗县综治中心", "county centre", "14/08/21/", "county_desk", "王志远"),
    DemoPerson(
        "organ", "临猗县城市管理局", "urban management bureau", "14/08/21/o1/", "organ_desk", "武志强"
    ),
    DemoPerson("leader", "临猗县 分管领导", "county leader", "14/08/21/", "county_leader", "卫东升"),
    DemoPerson("admin", "临猗县 县级管理员", "county administrator", "14/08/21/", "county_admin", "荆晓梅"),
    DemoPerson("townadmin", "庙上乡 管理员", "town administrator", "14/08/21/201/", "town_admin", "畅建平"),
    DemoPerson("grid", "绛县 网格长", "grid head elsewhere", "14/08/26/101/200/01/", "grid_head", "赵晓东"),
)

_SURNAMES, _GIVEN = files(__package__).joinpath("names.txt").read_text(encoding="utf-8").splitlines()


def names(random: Random) -> Iterator[str]:
    """Names as people have them, for ever, the same ones for the same state of `random`; likenesses are
    chance."""
    given = _GIVEN.split()
    while True:
        yield random.choice(_SURNAMES) + random.choice(given)
