"""Who does each step of the demo's month: the person who would, by the real action."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Final
from uuid import UUID

from xiangli.accounts.models import User
from xiangli.cases import actions as cases
from xiangli.cases.models import Category, Order, Part
from xiangli.cases.queries import category_with_limits
from xiangli.cases.rules import Limits
from xiangli.cases.states import Channel, EvidenceRule, State
from xiangli.config.demo import speech
from xiangli.config.demo.ids import demo_id
from xiangli.config.demo.people import names
from xiangli.config.demo.tales import Crowd, Step, Tale
from xiangli.kernel import chance
from xiangli.kernel.models import StoredFile
from xiangli.kernel.refusals import Refused
from xiangli.matters.models import Matter
from xiangli.territory.models import Absence, Unit
from xiangli.territory.queries import (
    actor_for,
    organ_seats,
    plated_units,
    seat_people,
    seats_under,
    spoken_name,
    unit_of_point,
    who_answers,
    who_can,
)
from xiangli.territory.rules import Actor, Answer

Album = Mapping[tuple[str, str, int, bool], StoredFile]  # county's path, kind, variant, after

_DRAWN, _NOT_DRAWN = 0, 99  # for the sample that somebody else checks: the plan says which
_BY_REPORTER: Final = frozenset({"confirm", "reopen", "evaluate", "withdraw", "nudge", "me_too"})
# To whose organ the desks pass on what is not theirs.
_ORGANS: Final = {
    "environment": "城市管理局",
    "greening": "城市管理局",
    "public_safety": "城市管理局",
    "facilities": "住房和城乡建设局",
    "traffic": "交通运输局",
    "hazards": "应急管理局",
    "work_safety": "应急管理局",
    "danger_now": "应急管理局",
    "disputes": "自然资源局",
    "voices": "农业农村局",
    "services": "民政局",
    "information": "市场监督管理局",
    speech.COMPLAINT: "民政局",
}


class Teller:
    """Does each step as the person who would do it; keeps what does not change in a month."""

    def __init__(self, crowds: Sequence[Crowd], album: Album, now: datetime) -> None:
        self.refused: Counter[str] = Counter()  # steps that could no longer be taken, "verb: why"
        self.units = _units_of(
            crowds, now
        )  # the places of each crowd; of a tale beyond the map or the county too
        self._album = album
        self._variants = {
            path: 1 + max(key[2] for key in album if key[0] == path) for path in {key[0] for key in album}
        }
        self._reports: dict[str, cases.Receipted] = {}  # by the tale's key
        self._places: dict[str, Unit] = {}
        self._subjects: dict[str, speech.Subject] = {}
        self._photographed: set[str] = set()
        self._actors: dict[UUID, Actor] = {}
        self._seats: dict[str, list[UUID]] = {}
        self._away = [
            (row.appointment.user_id, row.starts, row.ends)
            for row in Absence.objects.select_related("appointment")
        ]

    def tell(self, tale: Tale, step: Step) -> None:
        """One step. What can no longer happen, since time or the people of this place took another way, does
        not."""
        try:
            with chance.set_to(_DRAWN if tale.sampled else _NOT_DRAWN):
                if step.verb == "report":
                    self._report(tale, step.at)
                elif step.verb in _BY_REPORTER:
                    self._as_reporter(tale, step)
                else:
                    self._as_staff(tale, step)
        except Refused as refused:
            if step.verb == "report":
                raise
            self.refused[f"{step.verb}: {refused.code}"] += 1

    # Reporting

    def _report(self, tale: Tale, at: datetime) -> None:
        random = tale.random
        category, limits = _category(tale, at)
        point: tuple[float, float] | None = None
        off_map = False
        place = random.choice(self.units[tale.special if tale.special in self.units else tale.path])
        thing: int | None = None
        if tale.twin:
            place, thing = self._places[tale.twin], self._subjects[tale.twin].thing
        subject = speech.subject(tale.category, random, thing=thing)
        said, note = subject.report, speech.place_note(random) if random.random() < 0.3 else ""
        if tale.special == "scene":
            said, note = speech.scene("report"), speech.scene("note")
            subject = speech.Subject(said, speech.scene("done"), "rubbish")
        elif tale.special == "off_map":
            said, note = speech.off_map(random), ""
            place, point, off_map = _beyond_the_map(place, at)
        elif random.random() < 0.5 and place.lat is not None and place.lng is not None:
            point = (place.lat + random.uniform(-2e-4, 2e-4), place.lng + random.uniform(-2e-4, 2e-4))  # 20 m
        self._subjects[tale.key], self._places[tale.key] = subject, place
        name, phone = "", ""
        if not tale.staff and random.random() < 0.35:
            name, phone = speech.caller(random, next(names(random))[0])
        photographed = tale.special == "scene" or random.random() < (
            0.8 if category.evidence == EvidenceRule.BEFORE_AFTER else 0.55
        )
        photos = self._photos(tale, after=False) if photographed else ()
        if photos:
            self._photographed.add(tale.key)
        finder = who_answers(place, category.duty, at=at).user_id if tale.staff else None
        self._reports[tale.key] = cases.report_case(
            cases.Report(
                client_id=demo_id("report", tale.key),
                category=category,
                limits=limits,
                words=said,
                place=place,
                place_name=spoken_name(place),
                channel=Channel.STAFF if finder else Channel.PLATE,
                point=point,
                off_map=off_map,
                place_note=note,
                contact_name=name,
                contact_phone=phone,
                photos=photos,
            ),
            actor=self._actor(finder, at) if finder else None,
        )

    def _photos(self, tale: Tale, *, after: bool) -> tuple[StoredFile, ...]:
        kind, county = self._subjects[tale.key].picture, tale.path[:9]
        if not kind:
            return ()
        variant = 0 if tale.special == "scene" else tale.random.randrange(self._variants[county])
        return (self._album[county, kind, variant, after],)

    # The reporter and the neighbours

    def _as_reporter(self, tale: Tale, step: Step) -> None:
        code, act_id = self._reports[tale.key].code, _act_id(tale, step)
        random = Random(f"words/{act_id}")  # noqa: S311  # made-up words, the same on every machine
        match step.verb:
            case "confirm":
                cases.confirm_case(code, act_id=act_id)
            case "reopen":
                cases.reopen_case(code, act_id=act_id, note=speech.act("reopen", random))
            case "withdraw":
                cases.withdraw_case(code, act_id=act_id, note=speech.act("withdraw", random))
            case "nudge":
                cases.nudge_case(code, act_id=act_id, note=speech.act("nudge", random))
            case "evaluate":
                stars, said = speech.evaluation(random)
                if tale.special == "scene":
                    stars, said = 5, speech.scene("evaluation")
                cases.evaluate_case(code, act_id=act_id, note=said, rating=stars)
            case _:
                matter = self._reports[tale.key].matter
                if _category(tale, step.at)[0].public:
                    phone = speech.caller(random, "")[1] if random.random() < 0.2 else ""
                    cases.say_me_too(matter.pk, place_path=matter.place_path, client_id=act_id, phone=phone)

    # Staff

    def _as_staff(self, tale: Tale, step: Step) -> None:
        matter = Matter.objects.get(pk=self._reports[tale.key].matter.pk)
        random = Random(f"words/{_act_id(tale, step)}")  # noqa: S311  # as above
        here = self._people(matter, step.at)
        first = here[0] if here else None
        mine = matter.handler_id or first
        said = speech.act(step.verb, random)

        def act(who: UUID | None) -> cases.Act:
            return self._act(tale, step, who, said)

        def by(permission: str, *, above: bool = False) -> cases.Act:
            return act(self._who(matter, permission, step.at, above=above))

        match step.verb:
            case "accept":
                cases.accept_case(act(first))
            case "claim":
                cases.claim_case(by("claim_case"))
            case "assign":
                self._assign(act(first), matter, step.at)
            case "transfer":
                organ = self._organ(matter, step.at)
                cases.transfer_case(by("transfer_case"), unit_id=organ.unit_id, post_id=_post(organ))
            case "hand_up":
                cases.hand_up_case(act(mine))
            case "return":
                cases.return_case(act(mine))
            case "decline":
                cases.decline_case(by("decline_case"), where=speech.act("where", random))
            case "merge":
                twin = self._reports[tale.twin].matter.pk
                number = Matter.objects.values_list("number", flat=True).get(pk=twin)
                cases.merge_case(by("merge_case"), number=number)
            case "take" if matter.handler_id is None:  # else it was claimed
                cases.take_case(act(first))
            case "arrive":
                cases.arrive_case(act(mine))
            case "together":
                organ = self._organ(matter, step.at)
                cases.handle_together(by("handle_together"), unit_id=organ.unit_id, post_id=_post(organ))
            case "part":
                part = Part.objects.filter(case=matter.pk, done_at=None).first()
                if part is not None:
                    asked = seat_people(part.unit_id, part.post_id, at=step.at)
                    cases.finish_part(act(asked[0]), part_id=part.pk)
            case "suspend":
                cases.suspend_case(by("suspend_case"), days=step.days)
            case "resume":
                cases.resume_case(act(mine))
            case "ask_more":
                cases.ask_extension(act(mine), days=step.days)
            case "grant" | "refuse":
                approved = step.verb == "grant"
                cases.decide_extension(by("decide_extension", above=True), approved=approved)
            case "supervise":
                cases.supervise_case(by("supervise_case", above=True))
            case "answer":
                order = Order.objects.filter(case=matter.pk, answered_at=None).first()
                if order is not None:
                    cases.answer_order(act(mine), order_id=order.pk)
            case "resolve":
                self._resolve(tale, step, matter, first)
            case "on_spot":
                cases.handle_on_spot(self._mended(tale, step, first, said))
            case "verify" | "fail":
                if matter.state == State.TO_VERIFY:
                    other = next((person for person in here if person != matter.handler_id), None)
                    cases.verify_case(act(other), passed=step.verb == "verify")
            case "close":
                cases.close_case(act(first))

    def _assign(self, act: cases.Act, matter: Matter, at: datetime) -> None:
        """Whoever received it gives it to the seat nearest to the place that is manned."""
        if matter.state != State.REPORTED:
            return
        held = act.actor.authority("assign_case", matter.place_path, seats=[matter.holder_seat])
        if held is None:
            return
        seats = seats_under(held.unit_path, at=at, near=matter.place_path)
        target = next((seat for seat in seats if seat.seat != matter.holder_seat), None)
        if target is not None:
            cases.assign_case(act, unit_id=target.unit_id, post_id=_post(target))

    def _resolve(self, tale: Tale, step: Step, matter: Matter, first: UUID | None) -> None:
        who = matter.handler_id
        if who is None:  # time has moved it to another seat: whoever has it now takes it first
            who = first
            cases.take_case(self._act(tale, Step(step.at, "take_late"), who))
        cases.resolve_case(self._mended(tale, step, who))

    def _mended(self, tale: Tale, step: Step, who: UUID | None, note: str = "") -> cases.Act:
        rule = _category(tale, step.at)[0].evidence
        before = tale.key not in self._photographed
        return self._act(
            tale,
            step,
            who,
            note or self._subjects[tale.key].done,
            before=self._photos(tale, after=False) if before and rule == EvidenceRule.BEFORE_AFTER else (),
            after=self._photos(tale, after=True)
            if rule != EvidenceRule.NONE or tale.random.random() < 0.5
            else (),
        )

    def _act(
        self,
        tale: Tale,
        step: Step,
        who: UUID | None,
        note: str = "",
        *,
        before: Sequence[StoredFile] = (),
        after: Sequence[StoredFile] = (),
    ) -> cases.Act:
        if who is None:
            raise Refused("nobody", step.verb)
        return cases.Act(
            actor=self._actor(who, step.at),
            matter_id=self._reports[tale.key].matter.pk,
            act_id=_act_id(tale, step),
            note=note,
            photos_before=before,
            photos_after=after,
        )

    def _people(self, matter: Matter, at: datetime) -> list[UUID]:
        """Who sits in the seat that has the matter: those who are there first."""
        if matter.holder_post_id is None:
            return []
        seat = matter.holder_seat
        if seat not in self._seats:
            self._seats[seat] = seat_people(matter.holder_unit_id, matter.holder_post_id, at=at)
        away = {user for user, starts, ends in self._away if starts <= at and (ends is None or at < ends)}
        return sorted(self._seats[seat], key=lambda user: user in away)

    def _who(self, matter: Matter, permission: str, at: datetime, *, above: bool = False) -> UUID | None:
        """The nearest who may do something with a matter where it is, or from above."""
        unit = Unit.objects.select_related("parent").get(pk=matter.holder_unit_id)
        where = unit.parent if above else unit
        excluding = {matter.handler_id} if above and matter.handler_id else set()
        found = who_can(where, permission, at=at, excluding=excluding) if where else None
        return found.user_id if found else None

    def _organ(self, matter: Matter, at: datetime) -> Answer:
        """The organ of the county whose business a matter is."""
        organs = organ_seats(matter.county_id, at=at)
        wanted = (organ for organ in organs if organ.unit_name == _ORGANS[matter.topic])
        found = next(wanted, None)
        if found is None:
            raise Refused("nobody", matter.topic)
        return found

    def _actor(self, user_id: UUID, at: datetime) -> Actor:
        if user_id not in self._actors:
            self._actors[user_id] = actor_for(User.objects.get(pk=user_id), at=at)
        return self._actors[user_id]


def _category(tale: Tale, at: datetime) -> tuple[Category, Limits]:
    """The tale's category with its limits of the day."""
    found = category_with_limits(tale.category, on=at)
    assert found is not None  # they are loaded before the demo
    return found


def _post(seat: Answer) -> UUID:
    assert seat.post_id is not None  # only outside the county there is none
    return seat.post_id


def _act_id(tale: Tale, step: Step) -> UUID:
    return demo_id("act", tale.key, step.verb, step.at.isoformat())


def _units_of(crowds: Sequence[Crowd], now: datetime) -> dict[str, list[Unit]]:
    """The places of each crowd: units with a plate under its path, and under none of a deeper crowd."""
    units: dict[str, list[Unit]] = {}
    taken: set[UUID] = set()
    for crowd in crowds:
        found = plated_units([crowd.path], at=now, most=100_000)
        units[crowd.path] = [unit for unit in found if unit.pk not in taken]
        taken.update(unit.pk for unit in found)
    return units


def _beyond_the_map(place: Unit, at: datetime) -> tuple[Unit, tuple[float, float], bool]:
    """The first point north of a place that no unit's ground holds, and the unit whose desk has it."""
    for step in range(1, 100):
        point = ((place.lat or 0.0) + step * 0.05, place.lng or 0.0)
        found = unit_of_point(*point, at=at)
        if found is not None and found[1]:
            return found[0], point, True
    raise RuntimeError("the map has no edge")
