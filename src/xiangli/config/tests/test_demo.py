"""The demo: a small month told by the real actions, and what the command says of it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from bisect import bisect
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from xiangli.accounts.models import User
from xiangli.cases.actions import load_categories
from xiangli.cases.models import Case, Category
from xiangli.cases.states import TABLE, ClockName, State
from xiangli.config import demo
from xiangli.config.demo import matters, pictures, speech
from xiangli.config.demo.people import LANE
from xiangli.config.demo.tales import CROWDS, MONTH, Crowd, Stage, plan, scene
from xiangli.config.demo.territory import load_territory
from xiangli.kernel import clock
from xiangli.kernel.calendar import load_calendar
from xiangli.kernel.files import open_picture
from xiangli.kernel.ledger import seal_once, verify_ledger
from xiangli.kernel.models import Due, LedgerEvent, OutboxMessage, StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter, MatterClock, MatterPhoto, Receipt
from xiangli.matters.queries import chain_heads, code_for, digest_of, history, my_tasks
from xiangli.matters.states import PhotoRole, Visibility
from xiangli.notices.models import Notice
from xiangli.territory.models import Unit
from xiangli.territory.queries import actor_for
from xiangli.territory.rules import OUTSIDE

NOW = datetime(2026, 11, 18, 7, 30, tzinfo=UTC)  # a Wednesday afternoon where the counties are
SMALL = (
    Crowd(LANE, assigned=2, in_progress=2, resolved=1, closed=6, withdrawn=1, handed_up=0, left_alone=0),
    Crowd("14/08/21/201/", 4, 3, 3, 2, 2, 10, 2, suspended=2, declined=2, merged=2),
    Crowd("14/08/26/", 2, 2, 2, 1, 1, 6, 1, handed_up=0.5, left_alone=1),
    Crowd("61/08/31/", closed=3, claimed=1),
)


def test_the_plan_is_two_thousand_matters_of_thirty_days_the_same_each_time(db: None) -> None:
    load_categories()
    tales = [tale for crowd in CROWDS for tale in plan(crowd, now=NOW, rules=matters.rules())]
    assert tales == [tale for crowd in CROWDS for tale in plan(crowd, now=NOW, rules=matters.rules())]
    assert len(tales) + 7 == 2000  # with the scene, four off the map, two outside the county
    assert len({tale.key for tale in tales}) == len(tales)
    for tale in tales:
        moments = [step.at for step in tale.steps]
        assert tale.steps[0].verb == "report"
        assert moments == sorted(moments)
        assert moments[0] >= NOW - MONTH
        assert moments[-1] <= NOW
    by_day = Counter((tale.steps[0].at + timedelta(hours=8)).hour in range(7, 20) for tale in tales)
    assert by_day[True] > 2 * by_day[False]


@pytest.mark.parametrize("now", [NOW, NOW - timedelta(days=3), NOW - timedelta(days=2, hours=6)])
def test_clocks_stand_green_amber_and_red_on_whatever_day_the_demo_is_loaded(db: None, now: datetime) -> None:
    """On a Wednesday afternoon, a Sunday and a Monday morning."""
    load_categories()
    load_calendar()
    rules = matters.rules()
    stages = Counter(
        bisect(clock[1:], now)
        for crowd in CROWDS
        for tale in plan(crowd, now=now, rules=rules)
        if {"take", "resolve", "hand_up", "suspend", "withdraw"} & {step.verb for step in tale.steps}
        == {"take"}
        for clock in rules.clocks(ClockName.PUT_RIGHT, tale.category, now)
        if clock[0] <= tale.steps[0].at < clock[0] + timedelta(minutes=10)
    )
    assert stages[Stage.GREEN] > stages[Stage.AMBER] > 0
    assert stages[Stage.RED] > 0


def test_the_scene_is_cleared_in_half_an_hour_on_a_weekday() -> None:
    steps = {step.verb: step.at for step in scene(NOW).steps}
    assert steps["resolve"] - steps["report"] == timedelta(minutes=30)
    assert steps["report"].weekday() < 5
    assert steps["report"] < NOW


def test_every_open_category_has_words_and_every_thing_its_drawing(db: None) -> None:
    load_categories()
    open_ones = set(Category.objects.filter(intake="open").values_list("code", flat=True))
    assert open_ones == {*speech.CATEGORIES, speech.COMPLAINT}
    for category in open_ones:
        for number in range(30):
            subject = speech.subject(category, Random(number))
            assert 4 < len(subject.report) < 80
            assert "{" not in subject.report
            assert subject.done
            assert subject.picture in ("", *pictures.KINDS)


def test_drawings_are_pictures_and_before_differs_from_after() -> None:
    found = list(pictures.drawings(variants=1, place=(35.1, 110.7)))
    assert len(found) == 2 * len(pictures.KINDS)
    assert len({drawing.content for drawing in found}) == len(found)


@pytest.fixture
def month(db: None, caplog: pytest.LogCaptureFixture) -> int:
    """The small month, loaded; how many matters it has."""
    load_categories()
    load_territory(now=NOW)
    load_calendar()
    caplog.set_level(logging.DEBUG, "xiangli.config.demo.matters")
    with clock.set_to(NOW):
        return matters.load_matters(now=NOW, crowds=SMALL, apart=False)


def test_a_small_month_told_by_the_real_actions(
    month: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    _every_state_is_there(month)
    _time_has_done_its_part()
    _what_was_planned_was_done(caplog)
    _the_scene_has_its_photos_and_words()
    _rights_are_kept()
    _photos_can_be_shown()
    _notices_were_delivered_and_the_old_ones_read()
    _a_second_load_changes_nothing()
    seal_once(NOW)
    report = verify_ledger(stream_heads=chain_heads)
    assert report.ok
    assert report.tail.count == 0
    assert report.events == LedgerEvent.objects.count()
    demo.show_demo()
    said = capsys.readouterr().out
    assert "xiangli-demo-2026" in said
    assert demo.plate_link() in said
    assert demo.receipt_link() in said
    assert str(month) in said


def _every_state_is_there(month: int) -> None:
    assert (
        month == sum(len(crowd.ends) for crowd in SMALL) + 3 + 4
    )  # two complaints outside, the scene, strays
    states = Counter(Matter.objects.values_list("state", flat=True))
    assert set(states) == {*State.values}
    assert states.total() == month
    ended = {State.CLOSED, State.WITHDRAWN, State.DECLINED, State.MERGED}
    assert Matter.objects.exclude(closed_at=None).count() == sum(states[state] for state in ended)
    # as many as planned end well; what nobody is there for may wait where it was sent
    assert states[State.CLOSED] == sum(crowd.closed for crowd in SMALL) + 3
    assert Matter.objects.filter(reported_at__range=(NOW - MONTH, NOW)).count() == month
    head = actor_for(User.objects.get(username="lane"), at=NOW)
    # two waiting and two in hand; what is resolved waits for the desk
    assert my_tasks(head).count() == 4
    assert Matter.objects.filter(off_map=True).count() == 4


def _time_has_done_its_part() -> None:
    by_clock = LedgerEvent.objects.filter(kind__in=("amber_case", "overdue_case", "move_up_case"))
    happened = Counter(by_clock.values_list("kind", flat=True))
    assert set(happened) == {"amber_case", "overdue_case", "move_up_case"}
    # each at its moment and not when the demo was loaded; by nobody
    assert not by_clock.filter(at__gt=NOW).exists()
    assert by_clock.values("at").distinct().count() > happened.total() / 2
    assert not by_clock.exclude(actor=None).exists()
    running = MatterClock.objects.filter(stopped_at=None)
    assert not running.filter(due_at__lte=NOW).exclude(stage="red").exists()
    assert not running.filter(due_at__gt=NOW, amber_at__lte=NOW, stage="green").exists()
    assert not Due.objects.filter(at__lte=NOW).exists()
    for matter in Matter.objects.open():
        assert running.filter(matter=matter).exists(), matter.state
        if matter.next_clock_at and matter.next_clock_at > NOW:
            assert Due.objects.filter(kind="case.clock", subject=matter.pk).exists()
    # what was left alone has climbed, and waits at the top for somebody
    left = Matter.objects.filter(place_path__startswith="14/08/26/", state=State.REPORTED, handler=None)
    assert {matter.holder_unit_id for matter in left} - {matter.place_id for matter in left}


def _what_was_planned_was_done(caplog: pytest.LogCaptureFixture) -> None:
    told = [
        record.args for record in caplog.get_records("setup") if record.name == "xiangli.config.demo.matters"
    ]
    assert len(told) == 2  # a county group each
    for args in told:
        assert isinstance(args, tuple)
        steps, refused = args
        assert isinstance(steps, int)
        assert isinstance(refused, dict)
        assert sum(refused.values()) <= steps * 0.03, refused
    assert LedgerEvent.objects.filter(kind="claim_case").exists()
    merged = Matter.objects.filter(state=State.MERGED)
    for matter in merged:
        other = matter.links.get().other
        assert (other.topic, other.place_id) == (matter.topic, matter.place_id)
        assert other.me_too > 0


def _the_scene_has_its_photos_and_words() -> None:
    code = code_for(matters.scene_client_id())
    matter = Matter.objects.get(receipt__code_digest=digest_of(code))
    assert (matter.place.path, matter.state, matter.topic) == (LANE, State.CLOSED, "environment")
    at = {row.kind: row.at for row in history(matter)}
    assert at["resolve_case"] - at["report_case"] == timedelta(minutes=30)
    roles = set(matter.photos.values_list("role", flat=True))
    assert roles == {PhotoRole.REPORT, PhotoRole.AFTER}
    assert Case.objects.get(pk=matter.pk).rating == 5


def _rights_are_kept() -> None:
    private = Matter.objects.filter(visibility=Visibility.PRIVATE)
    outside = private.filter(holder_seat=OUTSIDE)
    assert outside.count() == 2
    assert private.count() > 2
    for matter in private:
        assert matter.subjects.exists()
        assert matter.title == "对服务的意见"
        assert not matter.photos.exists()
    contacts = Receipt.objects.exclude(contact=None).count()
    assert 0 < contacts < Receipt.objects.count() / 2


def _photos_can_be_shown() -> None:
    used = StoredFile.objects.filter(references__gt=0)
    assert used.exists()
    # where a photo was taken placed its report, and is not kept
    assert not used.filter(taken_lat__isnull=False).exists()
    for file in used:
        for thumbnail in (False, True):
            with open_picture(file, thumbnail=thumbnail) as stream, Image.open(stream) as image:
                image.load()
    with_photos = MatterPhoto.objects.values("matter").distinct().count()
    assert with_photos > Matter.objects.count() / 3


def _notices_were_delivered_and_the_old_ones_read() -> None:
    assert not OutboxMessage.objects.filter(done_at=None).exists()
    assert not OutboxMessage.objects.exclude(last_error="").exists()
    read = Notice.objects.exclude(read_at=None)
    assert read.exists()
    assert not read.filter(at__gt=NOW - timedelta(days=2)).exists()
    assert not Notice.objects.filter(read_at=None, at__lt=NOW - timedelta(days=2)).exists()


def _a_second_load_changes_nothing() -> None:
    before = LedgerEvent.objects.count(), Matter.objects.count()
    with clock.set_to(NOW + timedelta(days=1)):
        assert matters.load_matters(now=clock.now(), crowds=SMALL, apart=False) == 0
        assert demo.load_demo() is False
    assert before == (LedgerEvent.objects.count(), Matter.objects.count())


def test_the_demo_stays_out_of_a_county_that_works(db: None) -> None:
    Unit.objects.create(path="14/", name="山西省", short_name="山西省", valid_from=date(2024, 1, 1))
    assert demo.load_demo(if_empty=True) is False
    with pytest.raises(Refused) as refused:
        demo.load_demo()
    assert refused.value.code == "not_empty"
    assert not Matter.objects.exists()


@pytest.mark.long
def test_the_command_loads_two_thousand_matters_once_and_takes_up_what_was_interrupted() -> None:
    with tempfile.TemporaryDirectory(prefix="xiangli-demo-") as folder:
        Path(folder).chmod(0o755)  # as root, the database's own user must pass
        left_out = {"DATABASE_URL", "DATABASE_OWNER_URL", "PYTEST_XDIST_WORKER"}
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        environment |= {"XIANGLI_HOME": f"{folder}/home", "XIANGLI_LANG": "en"}

        def xiangli(*said: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", "xiangli.config.cli", *said],
                env=environment,
                capture_output=True,
                text=True,
                timeout=900,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        xiangli("migrate")
        script = (  # as if the load had been interrupted after the units
            "from xiangli.config.demo.territory import load_territory\n"
            "from xiangli.kernel import clock\n"
            "load_territory(now=clock.now())"
        )
        xiangli("manage", "shell", "--command", script)
        first = xiangli("demo")
        assert "5 counties" in first
        assert "2000 matters" in first
        assert "loaded already" not in first
        assert "loaded already" in xiangli("demo")
        assert "The ledger is whole" in xiangli("verify-ledger")
        script = (
            "from xiangli.kernel.models import LedgerEvent\n"
            "print(*LedgerEvent.objects.values_list('kind', flat=True).distinct())"
        )
        happened = set(xiangli("manage", "shell", "--no-imports", "--command", script).split())
        assert happened >= set(TABLE)  # nothing that may happen is left out of the demo
