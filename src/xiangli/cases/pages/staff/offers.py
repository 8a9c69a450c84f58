"""What this person may do with a case now. Each button is the boolean twin of what its action refuses: the same
rules are asked, beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from xiangli.cases import queries, rules
from xiangli.cases.forms import ActForm
from xiangli.cases.queries.dossier import Dossier, OrderNow, OtherCase, PartNow
from xiangli.cases.queries.loop import days_words
from xiangli.cases.states import DECIDE_EXTENSION, TABLE, ClockName, EvidenceRule, State
from xiangli.kernel.ids import new_id
from xiangli.kernel.refusals import Refused
from xiangli.kernel.transitions import Transition
from xiangli.matters.rules import authority_over
from xiangli.matters.states import Stage, Visibility
from xiangli.territory.queries import seats_for
from xiangli.territory.rules import Actor, Answer, Held, day_of

# What stands with the main action; the rest is folded away below it.
_DAILY: Final = (
    *("decide_extension", "answer_order", "finish_part", "resume_case", "verify_case", "resolve_case"),
    *("close_case", "claim_case", "take_case", "assign_case", "accept_case", "handle_on_spot", "arrive_case"),
)
_SHOWN: Final = 3  # more than three choices are a list to read
_LAST: Final = ("return_case", "merge_case", "decline_case")  # asked twice


@dataclass(slots=True)
class Tried:
    """An act that was refused: which, why, and what was typed and taken along."""

    action: str
    form: ActForm
    error: Refused | None = None
    kept_before: str = ""
    kept_after: str = ""


@dataclass(slots=True)
class Asked:
    """What somebody asked for, to which an act answers; `id` is of the part, the order or the extension."""

    id: UUID
    key: str  # how the event that asked names it
    by: str
    at: datetime
    what: str = ""
    words: str = ""


@dataclass(slots=True)
class Offer:
    """One act, and the form that asks for what it takes."""

    row: Transition
    act_id: UUID
    form: ActForm
    fields: list[tuple[BoundField, bool]]  # and whether it may stay empty
    about: str = ""  # whose part, whose order
    part: UUID | None = None
    order: UUID | None = None
    listed: str = ""  # the seat that the list of responsibilities names
    asked: Asked | None = None
    near: list[OtherCase] = field(default_factory=list)
    confirm: Mapping[str, str] | None = None
    tried: Tried | None = None  # it was this one
    open: bool = False

    @property
    def action(self) -> str:
        return self.row.action

    @property
    def dialog(self) -> str:
        """The id of the dialog that asks once more."""
        return f"sure-{self.act_id}"


@dataclass
class Sight:
    """A case as one person sees it: what the boolean twins ask."""

    actor: Actor
    dossier: Dossier
    now: datetime
    subjects: Mapping[UUID, set[str]]  # whom it is about, with the units where they hold posts

    def authority(self, permission: str) -> Held | None:
        matter = self.dossier.matter
        return authority_over(
            self.actor,
            permission,
            place_path=matter.place_path,
            ordinary=matter.visibility == Visibility.ORDINARY,
            seats=[*self.dossier.seats, *(self.dossier.helpers if permission in rules.HELPS else ())],
            is_subject=self.actor.user_id in self.subjects,
        )

    @property
    def me(self) -> UUID:
        assert self.actor.user_id is not None  # the fence lets nobody else through
        return self.actor.user_id

    @property
    def in_my_seat(self) -> bool:
        return self.dossier.matter.holder_seat in self.actor.seats

    @property
    def mine(self) -> bool:
        """Whether the ball is with this person: taken, or waiting in a seat of theirs."""
        handler = self.dossier.matter.handler_id
        return handler == self.me or (handler is None and self.in_my_seat)

    @property
    def at_top(self) -> bool:
        matter = self.dossier.matter
        return matter.holder_unit_id == matter.county_id

    @cached_property
    def limits(self) -> rules.Limits:
        return queries.limits_of(self.dossier.case.category, on=self.dossier.matter.reported_at)

    @cached_property
    def seats(self) -> list[Answer]:
        """The seats that may be given this case: none that a subject of it sits in, or answers to."""
        matter = self.dossier.matter
        return [
            seat
            for seat in seats_for(matter.place_path, matter.county_id, at=self.now)
            if rules.is_free_of_subjects(
                {seat.user_id} if seat.user_id else (),
                seat.unit_path,
                subjects=set(self.subjects),
                subject_paths=set().union(*self.subjects.values()),
            )
        ]

    @property
    def way(self) -> list[Answer]:
        return [seat for seat in self.seats if self.dossier.matter.place_path.startswith(seat.unit_path)]

    @property
    def organs(self) -> list[Answer]:
        organs = [seat for seat in self.seats if seat not in self.way]
        return sorted(organs, key=lambda seat: (len(seat.unit_path), seat.unit_path))

    @cached_property
    def listed(self) -> Answer | None:
        """The seat that the list of responsibilities names, where somebody sits in it."""
        matter = self.dossier.matter
        if matter.visibility != Visibility.ORDINARY:
            return None
        route = queries.route_of(self.dossier.case.category_id, matter.place, on=day_of(self.now))
        if route is None:
            return None
        where = (
            [seat for seat in self.seats if seat.unit_path == route.organ_path]
            if route.organ_path
            else self.way
        )
        return next((seat for seat in where if seat.post_id == route.post_id), None)

    def under(self, held: Held) -> list[Answer]:
        return [seat for seat in self.way if seat.unit_path.startswith(held.unit_path)]

    def helpers(self, held: Held) -> list[Answer]:
        """Who can be asked to do a share: not who leads, and nobody twice."""
        busy = {self.dossier.matter.holder_seat, *(part.seat for part in self.dossier.open_parts)}
        return [seat for seat in (*self.under(held), *self.organs) if seat.seat not in busy]

    def leads(self, held: Held) -> bool:
        matter = self.dossier.matter
        return matter.handler_id == self.me or (matter.handler_id is None and held.seat == matter.holder_seat)

    def extension_left(self) -> int:
        clock = self.dossier.clock(ClockName.PUT_RIGHT)
        used = rules.days_of(clock.extended, clock.kind) if clock else 0
        return self.limits.of(ClockName.EXTENSION).days - used


def _holds(check: Callable[..., Any], *args: Any, **more: Any) -> bool:
    """The boolean twin of a check."""
    try:
        check(*args, **more)
    except Refused:
        return False
    return True


def _mine_to_move(action: str) -> Callable[[Sight, Held], bool]:
    return lambda sight, _held: _holds(rules.check_handler, action, sight.dossier.facts, sight.me)


def _may_resolve(action: str) -> Callable[[Sight, Held], bool]:
    return lambda sight, held: _mine_to_move(action)(sight, held) and not sight.dossier.open_parts


def _may_return(sight: Sight, held: Held) -> bool:
    given = sight.dossier.case.given_by
    back = bool(given) and given != sight.dossier.matter.holder_seat
    return _mine_to_move("return_case")(sight, held) and (back or not sight.at_top)


def _may_ask(sight: Sight, held: Held) -> bool:
    clock, holder = sight.dossier.clock(ClockName.PUT_RIGHT), sight.dossier.matter.holder_unit
    # whoever sits right above it, at the top, would have nobody to ask
    mine_alone = holder.parent_id == holder.county_id and rules.held_above(
        sight.actor, DECIDE_EXTENSION, holder.path
    )
    return (
        _mine_to_move("ask_extension")(sight, held)
        and sight.dossier.matter.visibility == Visibility.ORDINARY
        and (sight.dossier.asked is None or sight.dossier.asked.by != sight.me)
        and not sight.at_top
        and not mine_alone
        and _holds(
            rules.check_extension,
            1,
            most=sight.extension_left(),
            due_at=clock.due_at if clock else None,
            now=sight.now,
        )
    )


def _may_decide(sight: Sight, _held: Held) -> bool:
    asked, holder = sight.dossier.asked, sight.dossier.matter.holder_unit
    return (
        asked is not None
        and sight.me not in (asked.by, sight.dossier.matter.handler_id)
        and rules.held_above(sight.actor, DECIDE_EXTENSION, holder.path) is not None
    )


def _may_supervise(sight: Sight, held: Held) -> bool:
    has_it = sight.dossier.matter.handler_id == sight.me or sight.in_my_seat
    above = sight.dossier.matter.holder_unit.path.startswith(held.unit_path)
    return above and not has_it and held.seat not in {order.seat for order in sight.dossier.open_orders}


def _may_suspend(sight: Sight, _held: Held) -> bool:
    clock = sight.dossier.clock(ClockName.PUT_RIGHT)
    red = clock is not None and clock.stage == Stage.RED
    return not red and _holds(rules.check_suspension, sight.dossier.facts, 1, most=1)


def _my_parts(sight: Sight, held: Held) -> list[PartNow]:
    leads = sight.leads(held)
    return [part for part in sight.dossier.open_parts if leads or part.seat in sight.actor.seats]


def _my_orders(sight: Sight) -> list[OrderNow]:
    matter = sight.dossier.matter
    has_it = (
        matter.handler_id == sight.me or sight.in_my_seat or sight.dossier.case.resolved_by_id == sight.me
    )
    return [order for order in sight.dossier.open_orders if has_it and order.by != sight.me]


# Beside the state and the permission, what an action asks for before it asks for anything typed.
_FITS: Final[Mapping[str, Callable[[Sight, Held], bool]]] = {
    "resolve_case": _may_resolve("resolve_case"),
    "handle_on_spot": _may_resolve("handle_on_spot"),
    "verify_case": lambda sight, _held: _holds(rules.check_verifier, sight.dossier.facts, sight.me),
    "assign_case": lambda sight, held: bool(sight.under(held)),
    "transfer_case": lambda sight, _held: bool(sight.organs),
    "handle_together": lambda sight, held: bool(sight.helpers(held)),
    "finish_part": lambda sight, held: bool(_my_parts(sight, held)),
    "hand_up_case": lambda sight, held: _mine_to_move("hand_up_case")(sight, held) and not sight.at_top,
    "return_case": _may_return,
    "suspend_case": _may_suspend,
    "ask_extension": _may_ask,
    "decide_extension": _may_decide,
    "supervise_case": _may_supervise,
    "answer_order": lambda sight, _held: bool(_my_orders(sight)),
    "merge_case": lambda sight, _held: sight.dossier.matter.visibility == Visibility.ORDINARY,
    "decline_case": lambda sight, _held: _holds(rules.check_declinable, sight.dossier.facts, "12345"),
}


def offers(sight: Sight, tried: Tried | None = None) -> list[Offer]:
    """The acts that this person may do now, the main one first and what is asked twice last. The one that was
    tried, else the first, stands open."""
    found: list[Offer] = []
    for row in TABLE.from_state(sight.dossier.matter.state):
        held = sight.authority(row.permission) if row.permission else None
        if held is not None and _FITS.get(row.action, _always)(sight, held):
            found += _forms(sight, row, held, tried if tried and tried.action == row.action else None)
    rank = {action: place for place, action in enumerate(_order(sight, found))}
    found.sort(key=lambda offer: (rank.get(offer.action, len(rank)), offer.action in _LAST))
    for offer in found:
        offer.open = offer.tried is not None
    if found and not any(offer.open for offer in found):
        found[0].open = True
    return found


def _always(_sight: Sight, _held: Held) -> bool:
    return True


def _order(sight: Sight, found: list[Offer]) -> list[str]:
    """What comes first: what others wait for, then what puts the case right. Who only looks after it gives it to
    somebody, or asks how it stands, rather than doing it."""
    order = list(_DAILY)
    state = sight.dossier.matter.state
    if state == State.REPORTED:  # it came here to be passed on
        order.insert(order.index("claim_case") + 1, order.pop(order.index("assign_case")))
    if not any(part.seat in sight.actor.seats for part in sight.dossier.open_parts):
        order.remove("finish_part")  # saying it for others comes after asking them
    may_transfer = any(offer.action == "transfer_case" for offer in found)
    if may_transfer and sight.listed in sight.organs and (state == State.REPORTED or not sight.mine):
        order.insert(order.index("assign_case"), "transfer_case")  # the list says whose business it is
    if not sight.mine:
        order = [action for action in order if action not in ("take_case", "handle_on_spot", "arrive_case")]
        if state not in (State.REPORTED, State.ASSIGNED):
            order.remove("assign_case")
            order.append("supervise_case")
    return order


def split(found: list[Offer], sight: Sight) -> tuple[list[Offer], list[Offer]]:
    """Those that are shown, and those folded away."""
    daily = set(_order(sight, found))
    shown = [offer for offer in found if offer.action in daily][:_SHOWN] or found[:1]
    return shown, [offer for offer in found if offer not in shown]


def _forms(sight: Sight, row: Transition, held: Held, tried: Tried | None) -> list[Offer]:
    """The forms of one action: one, or one for each part or order."""
    if row.action == "finish_part":
        return [_offer(sight, row, held, tried, part=part) for part in _my_parts(sight, held)]
    if row.action == "answer_order":
        return [_offer(sight, row, held, tried, order=order) for order in _my_orders(sight)]
    return [_offer(sight, row, held, tried)]


def _offer(
    sight: Sight,
    row: Transition,
    held: Held,
    tried: Tried | None,
    *,
    part: PartNow | None = None,
    order: OrderNow | None = None,
) -> Offer:
    act_id, about = new_id(), part or order
    if tried and about and str(about.id) not in (tried.form.data.get("part"), tried.form.data.get("order")):
        tried = None  # another part, another order
    form = ActForm(row.action, tried.form.data if tried else None, auto_id=f"%s-{act_id}")
    offer = Offer(row, act_id, form, [], confirm=_confirm(row.action), tried=tried)
    if part:
        offer.about, offer.part = part.name, part.id
        offer.asked = Asked(part.id, "part", part.name, part.asked_at)
    if order:
        offer.about, offer.order = order.name, order.id
        offer.asked = Asked(order.id, "order", f"{order.name} {order.by_name}", order.ordered_at)
    if row.action == "decide_extension" and (asked := sight.dossier.asked):
        what = _("申请延期 %(days)s") % {"days": days_words(asked.days)}
        offer.asked = Asked(asked.id, "extension", asked.by_name, asked.asked_at, what)
    if row.action == "merge_case":
        offer.near = sight.dossier.near
    _fit(offer, sight, held)
    # Only now: cleaning a form freezes its labels.
    if tried and tried.error and tried.error.field in form.fields and not form.errors.get(tried.error.field):
        form.add_error(tried.error.field, str(tried.error))
    _ask(offer, sight)
    return offer


def _fit(offer: Offer, sight: Sight, held: Held) -> None:
    """Choices, labels and bounds of the fields."""
    fields, action = offer.form.fields, offer.action
    if "seat" in fields:
        fields["seat"].label = _SEAT_LABELS.get(action, fields["seat"].label)
        fields["seat"].widget.choices = _seats(offer, sight, held)
    if "days" in fields:
        asks = action == "ask_extension"
        most = sight.extension_left() if asks else sight.limits.of(ClockName.SUSPENSION).days
        fields["days"].label = _("延长几天") if asks else _("挂起几天")
        fields["days"].help_text = _("最多 %(days)s") % {"days": days_words(most)}
    if "outcome" in fields:
        may = rules.outcomes_of(action)
        fields["outcome"].widget.choices = [(one.value, one.label) for one in may]
        offer.form.initial["outcome"] = may[0].value
    if "note" in fields:
        fields["note"].label = _NOTE_LABELS.get(action, fields["note"].label)
    evidence = sight.dossier.case.category.evidence
    if "before" in fields and (evidence != EvidenceRule.BEFORE_AFTER or sight.dossier.shows_before):
        del fields["before"]


def _ask(offer: Offer, sight: Sight) -> None:
    """Which fields the browser already asks for; the rules judge what comes."""
    evidence = sight.dossier.case.category.evidence
    empty = {"note": not offer.row.note_required, "after": evidence == EvidenceRule.NONE}
    for name, one in offer.form.fields.items():
        if not one.widget.is_hidden:
            # what was taken along with a refused try need not be chosen again: no browser asks for a photo
            one.required = name not in ("before", "after") and not empty.get(name, False)
            offer.fields.append((offer.form[name], empty.get(name, False)))


_SEAT_LABELS: Final[Mapping[str, Any]] = {
    "transfer_case": gettext_lazy("转给哪个部门"),
    "handle_together": gettext_lazy("请谁协同"),
}
_NOTE_LABELS: Final[Mapping[str, Any]] = {
    "close_case": gettext_lazy("给反映人的反馈"),
    "suspend_case": gettext_lazy("等什么"),
    "supervise_case": gettext_lazy("有什么要求"),
    "decline_case": gettext_lazy("理由"),
    "handle_together": gettext_lazy("请他们做什么"),
}


def _seats(offer: Offer, sight: Sight, held: Held) -> list[tuple[str, Any]]:
    """The seats to choose from; the one on the list of responsibilities first. Whoever sits in that one passes
    on what is theirs as they see fit."""
    match offer.action:
        case "assign_case":
            seats = sight.under(held)
        case "transfer_case":
            seats = sight.organs
        case _:
            seats = sight.helpers(held)
    listed = sight.listed if offer.action != "handle_together" else None
    if listed and listed.seat == held.seat:
        listed = None
    offer.listed = f"{listed.unit_name} {listed.post_name}" if listed else ""
    groups = [
        (_("权责清单所列"), [seat for seat in seats if seat == listed]),
        (_("本辖区岗位"), [seat for seat in seats if seat != listed and seat not in sight.organs]),
        (_("县直部门"), [seat for seat in seats if seat != listed and seat in sight.organs]),
    ]
    choices: list[tuple[str, Any]] = [
        (label, [(seat.seat, f"{seat.unit_name} {seat.post_name} {seat.user_name}") for seat in group])
        for label, group in groups
        if group
    ]
    return choices if groups[0][1] else [("", _("请选")), *choices]


def _confirm(action: str) -> dict[str, str] | None:
    return {
        "return_case": {
            "title": _("退回这件事项？"),
            "words": _("退回后由交办的岗位或上一级重新安排，时限接着算。"),
            "yes": _("退回"),
        },
        "merge_case": {
            "title": _("并入另一件？"),
            "words": _("合并后这一件就结束了，和另一件一起办，不能撤销。"),
            "yes": _("合并"),
        },
        "decline_case": {
            "title": _("不予受理？"),
            "words": _("事项到此结束。反映人会看到理由和可以去哪里办，也可以要求重办。"),
            "yes": pgettext("act", "不予受理"),
        },
    }.get(action)
