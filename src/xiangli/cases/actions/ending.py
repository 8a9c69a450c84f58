"""Two ends without handling: declined, and merged into another case."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from xiangli.cases import rules
from xiangli.cases.actions.common import by_staff, give_days_to_answer, tell_reporters, whose
from xiangli.cases.actions.opening import Act, move, open_case
from xiangli.cases.queries import facts_of
from xiangli.cases.states import TABLE, State
from xiangli.kernel.refusals import Refused
from xiangli.matters import actions as matters
from xiangli.matters.models import Matter, MatterLink
from xiangli.matters.states import LinkKind, Visibility


@transaction.atomic
def decline_case(act: Act, *, where: str) -> None:
    """This is not for us: 不予受理, with the reason and where to go instead. The reporter may ask again: then it
    goes to the level above."""
    if (opened := open_case(act, "decline_case")) is None:
        return
    where = rules.check_declinable(facts_of(opened.matter, opened.case), where)
    give_days_to_answer(opened.matter, opened.case, now=opened.now)
    # Who says so is known: asked again, it goes to the level above that one, wherever it lay.
    matters.hold(opened.matter, opened.held, at=opened.now)
    move(opened, act, "decline_case", State.DECLINED, words={"where": where})
    tell_reporters(opened.matter, "decline_case", now=opened.now)


@transaction.atomic
def merge_case(act: Act, *, number: int | None) -> None:
    """The same thing was reported before: this case goes into that one and ends with it: 合并. Its reporters are
    told of the other's end."""
    actor = act.actor
    into_id = (
        Matter.objects.visible_to(actor)
        .filter(number=number, workflow="case")
        .values_list("pk", flat=True)
        .first()
        if number is not None
        else None
    )
    if into_id == act.matter_id:
        raise Refused("merge_self", _("不能并入自己，请填另一件事项的编号。"), field="number")
    # Both locked in one order, whichever way round two desks merge them: neither waits for the other for ever.
    both = Matter.objects.visible_to(actor).filter(pk__in=[act.matter_id, into_id or act.matter_id])
    rows = {row.pk: row for row in both.select_for_update(of=("self",)).order_by("pk")}
    if (opened := open_case(act, "merge_case")) is None:
        return
    matter = opened.matter
    into = rows.get(into_id) if into_id else None
    if into is None:
        raise Refused(
            "merge_unknown", _("没有这个编号的事项，或者它不在您的辖区内，请核对。"), field="number"
        )
    if into.visibility != Visibility.ORDINARY or matter.visibility != Visibility.ORDINARY:
        raise Refused("merge_private", _("不公开的事项不能合并。"), field="number")
    if into.county_id != matter.county_id:
        raise Refused("merge_county", _("两件事项不在同一个县，不能合并。"), field="number")
    if into.state not in TABLE["merge_case"].sources:
        # Nor can two go into each other in a circle: what was merged is closed. And what has been put right already
        # would end with nobody having looked at this one.
        raise Refused(
            "merge_closed",
            _("那件事项已经是“%(state)s”，不能再并入。请填一件还在办的。")
            % {"state": State(into.state).label},
            field="number",
        )
    if into.reported_at > matter.reported_at:
        # Else the promise made to whoever reported first would begin anew.
        raise Refused(
            "merge_later",
            _("那件事项反映得更晚。请反过来，把它并入这一件，期限从最早的算。"),
            field="number",
        )
    if matter.danger and not into.danger:
        raise Refused(
            "merge_danger",
            _("有危险的事项不能并入期限更长的一般事项。请反过来，把那一件并入这一件。"),
            field="number",
        )
    MatterLink.objects.create(matter=matter, other=into, kind=LinkKind.MERGED, at=opened.now)
    move(opened, act, "merge_case", State.MERGED, data={"into": str(into.pk), "number": into.number})
    into.refresh_from_db(fields=["event_seq", "event_head", "me_too"])
    into.me_too = F("me_too") + matter.me_too + 1
    matters.record(
        into,
        "merge_in",
        by=by_staff(opened.held, actor),
        at=opened.now,
        data={"from": str(matter.pk), "number": matter.number},
    )
    into.save(update_fields=["me_too", "event_seq", "event_head"])
    matters.tell(into, "merge_case", now=opened.now, **whose(into))
    tell_reporters(matter, "merge_case", now=opened.now)
