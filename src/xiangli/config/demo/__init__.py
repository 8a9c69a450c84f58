"""The demo: five counties and a working month of theirs. Composed here, because only config knows every
module."""

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.urls import reverse
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from xiangli.config.demo.people import DEMO_PEOPLE, LANE
from xiangli.config.words import words
from xiangli.kernel import clock
from xiangli.kernel.refusals import Refused
from xiangli.territory.models import Unit


def load_demo(*, if_empty: bool = False) -> bool:
    """Load the demo into a database without units; say whether it was loaded. With `if_empty`, a database
    that has some is left alone; without, Refused (not_empty) says so."""
    from xiangli.config.demo.territory import load_territory

    if Unit.objects.exists():
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

        load_territory(now=now, say=say)
        if find_spec("xiangli.config.demo.matters"):
            import_module("xiangli.config.demo.matters").load_matters(now=now, say=say)
    return True


def plate_link() -> str:
    """The address of the demo's plate: the second lane of 北姚村."""
    from xiangli.config.demo.territory import demo_plate_code

    return settings.PUBLIC_URL + reverse("cases:plate", args=[demo_plate_code(LANE)])


def show_demo() -> None:
    """Print who can sign in, with which password, and a plate's link."""
    from xiangli.accounts.queries import demo_people_exist

    if not demo_people_exist():
        return
    console = Console(highlight=False)
    console.print(words("演示人员（只在本机可用）", "Demo people (on this machine only)"))
    for person in DEMO_PEOPLE:
        role = words(person.role, person.role_en)
        console.print(f"  {person.username:<8} {person.password}   {role}", soft_wrap=True)
    console.print(words("门牌：", "A plate: ") + plate_link(), soft_wrap=True)
