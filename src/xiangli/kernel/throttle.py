"""Counting how often something was tried, in the database, so that every worker process sees the same
count.
"""

from datetime import datetime, timedelta
from hashlib import sha256

from django.db import connection

from xiangli.kernel.models import ThrottleCount

_BUMP = f"""
    WITH commit AS (
        SELECT set_config('synchronous_commit', coalesce(%(commit)s, current_setting('synchronous_commit')), true)
    )
    INSERT INTO {ThrottleCount._meta.db_table} AS t (key, since, count)
        SELECT %(key)s, %(now)s::timestamptz, 1 FROM commit
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN t.since <= %(start)s THEN 1 ELSE t.count + 1 END,
        since = CASE WHEN t.since <= %(start)s THEN excluded.since ELSE t.since END
    RETURNING count
"""  # noqa: S608  # the table's own name


def bump(what: str, who: str, *, window: timedelta, now: datetime) -> int:
    """Count one more use of `what` by `who` (an address, a lane; stored as a digest) and return the count
    within `window`.

    One statement. Call it outside the action's transaction where the count must survive a refusal.
    """
    key = f"{what}:{sha256(who.encode()).hexdigest()[:32]}"
    # A count that a crash takes back is not worth waiting for the disk; what shares its transaction is.
    commit = None if connection.in_atomic_block else "off"
    with connection.cursor() as cursor:
        cursor.execute(_BUMP, {"key": key, "now": now, "start": now - window, "commit": commit})
        row = cursor.fetchone()
    assert row is not None  # RETURNING of an upsert gives one row
    return int(row[0])


def count(what: str, who: str, *, window: timedelta, now: datetime) -> int:
    """The count within `window`, without adding to it."""
    key = f"{what}:{sha256(who.encode()).hexdigest()[:32]}"
    row = (
        ThrottleCount.objects.filter(key=key, since__gt=now - window).values_list("count", flat=True).first()
    )
    return row or 0


def clear(what: str, who: str) -> None:
    """Forget the count, after a success."""
    ThrottleCount.objects.filter(key=f"{what}:{sha256(who.encode()).hexdigest()[:32]}").delete()


def forget_old(now: datetime) -> int:
    """Delete counts of windows that ended long ago; returns how many. No window is longer than a day."""
    return ThrottleCount.objects.filter(since__lt=now - timedelta(days=2)).delete()[0]
