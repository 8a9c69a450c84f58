"""Erasing what events carry about people, so that the chains stay whole and everybody can see that, and by
which run, it was erased.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from xiangli.kernel.ledger.chain import Chain
from xiangli.kernel.models import ErasureRun, LedgerPayload

ERASE_PAYLOADS: Final = "erase_payloads"  # the kind of a run's events
_LISTED: Final = 1000  # payloads that one event lists


def erase_payloads(
    event_ids: Collection[UUID],
    *,
    scope: UUID,
    reason: str,
    now: datetime,
    actor: UUID | None = None,
    authority: str = "rule:retention",
) -> ErasureRun | None:
    """Empty the payloads of these events for ever, and write who did so into the run's own stream of the
    ledger.

    `reason` is a code or an article, nothing personal. Payloads that are erased already stay with their run;
    None when nothing was left to erase. Raises LookupError, and erases nothing, when an event has no payload
    in this scope.
    """
    with transaction.atomic():
        payloads: dict[UUID, UUID | None] = dict(
            LedgerPayload.objects.select_for_update(of=("self",))
            .filter(event__in=set(event_ids), event__scope=scope)
            .values_list("event_id", "erased_by")
        )
        if missing := set(event_ids) - set(payloads):
            raise LookupError(f"{len(missing)} events have no payload in this scope")
        left = sorted(event_id for event_id, erased_by in payloads.items() if erased_by is None)
        if not left:
            return None
        with connection.cursor() as cursor:  # runs are numbered without gaps
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('xiangli/erasure', 0))")
        number = (ErasureRun.objects.aggregate(last=Max("number"))["last"] or 0) + 1
        run = ErasureRun.objects.create(number=number, scope=scope, at=now, reason=reason)
        chain = Chain(stream=run.id, scope=scope)
        for start in range(0, len(left), _LISTED):
            chain.append(
                ERASE_PAYLOADS,
                at=now,
                actor=actor,
                authority=authority,
                data={"run": number, "reason": reason, "events": left[start : start + _LISTED]},
            )
        chain.save()
        LedgerPayload.objects.filter(event__in=left).update(body=None, salt=None, erased_by=run)
        return run
