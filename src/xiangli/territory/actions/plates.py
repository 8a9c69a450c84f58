"""What was printed for the walls."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from xiangli.territory.actions.common import authority_of, lock, record
from xiangli.territory.models import PlatePrint, PrintKind, Unit
from xiangli.territory.queries.prints import Sheet
from xiangli.territory.rules import PRINT_PLATE, Actor


def record_print(*, by: Actor, unit: Unit, sheets: Sequence[Sheet], now: datetime) -> None:
    """Keep that `sheets`, of units at and under `unit`, were printed as they stand: from now on they are out of date
    when something on them changes. One event in the unit's stream, however many they are.

    Raises Refused: not_permitted.
    """
    with transaction.atomic():
        locked = lock(unit)
        authority = authority_of(by, PRINT_PLATE, locked)
        # in the order of the tree, as everybody writes them: two who print the same wait and do not lock each other out
        PlatePrint.objects.bulk_create(
            [
                PlatePrint(
                    unit=sheet.unit,
                    kind=sheet.kind,
                    digest=sheet.digest,
                    printed_at=now,
                    printed_by_id=by.user_id,
                )
                for sheet in sorted(sheets, key=lambda sheet: (sheet.unit.path, sheet.kind))
                if sheet.unit.path.startswith(locked.path)
            ],
            update_conflicts=True,
            unique_fields=["unit", "kind"],
            update_fields=["digest", "printed_at", "printed_by"],
        )
        counted = {kind: sum(sheet.kind == kind for sheet in sheets) for kind in PrintKind}
        record(locked, "record_print", by, authority, now, {f"{kind}s": n for kind, n in counted.items()})
