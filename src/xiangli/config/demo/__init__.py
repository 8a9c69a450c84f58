"""The demo: five counties and a working month of theirs. Composed here, because only config knows every
module."""

from django.conf import settings
from django.db.models import Count
from django.urls import reverse
from django.utils import translation
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from xiangli.config.demo.people import DEMO_PEOPLE, LANE
from xiangli.config.words import words
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.territory.models import County, Unit


def load_demo(*, if_empty: bool = False) -> bool:
    """Load the demo into a database without units, or what an interrupted load left out; say whether anything
    was loaded. A database with other units is left alone with `if_empty`; without, Refused (not_empty)."""
    from xiangli.accounts.queries import demo_people_exist
    from xiangli.config.demo.lists import load_lists
    from xiangli.config.demo.matters import load_matters
    from xiangli.config.demo.territory import load_territory

    there = Unit.objects.exists()
    if there and not demo_people_exist():
        if if_empty:
            return False
        raise Refused(
            "not_empty",
            words(
                "数据库里已有单位，演示数据只装入空库。请换一个空的 XIANGLI_HOME 或 DATABASE_URL。",
                "there are units already: the demo goes into an empty database. "
                "Use another XIANGLI_HOME or DATABASE_URL.",
            ),
        )
    now = clock.now()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True)
    )
    with bar:
        task = bar.add_task("")

        def say(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        if not there:
            load_territory(now=now, say=say)
        load_lists(now=now, say=say)
        loaded = load_matters(now=now, say=say)
    return not there or loaded > 0


def plate_link() -> str:
    """The address of the demo's plate: the second lane of 北姚村."""
    from xiangli.config.demo.territory import demo_plate_code

    return settings.PUBLIC_URL + reverse("cases:plate", args=[demo_plate_code(LANE)])


def receipt_link() -> str:
    """The address at which the reporter of the first article's scene follows it."""
    from xiangli.config.demo.matters import scene_client_id
    from xiangli.matters.queries import code_for

    return settings.PUBLIC_URL + reverse("cases:track", args=[code_for(scene_client_id())])


def show_demo() -> None:
    """Print who can sign in, with which password, the links of a plate and a receipt, and how much there
    is."""
    from xiangli.accounts.queries import demo_people_exist

    if not demo_people_exist():
        return
    console = Console(highlight=False)
    console.print(words("演示人员（只在本机可用）", "Demo people (on this machine only)"))
    for person in DEMO_PEOPLE:
        role = words(person.role, person.role_en)
        console.print(f"  {person.username:<8} {person.password}   {role}", soft_wrap=True)
    console.print(words("公示牌：", "A plate: ") + plate_link(), soft_wrap=True)
    console.print(words("回执：", "A receipt: ") + receipt_link(), soft_wrap=True)
    console.print(_how_many(), soft_wrap=True)


def _how_many() -> str:
    """Counties, plates, and matters by state."""
    from xiangli.cases.states import State

    plates = Unit.objects.filter(plate_code__isnull=False, valid_to=None).count()
    states = dict(Matter.objects.order_by().values_list("state").annotate(Count("pk")))
    with translation.override(words("zh-hans", "en")):
        by_state = ", ".join(f"{state.label} {states[state]}" for state in State if state in states)
    counties, matters = County.objects.count(), sum(states.values())
    return words(
        f"{counties} 个县，{plates} 块公示牌，{matters} 件事项：{by_state.replace(', ', '，')}",
        f"{counties} counties, {plates} plates, {matters} matters: {by_state}",
    )
