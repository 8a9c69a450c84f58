"""What accounts do at night."""

from datetime import datetime, time, timedelta

from django.contrib.sessions.models import Session

from xiangli.kernel.outbox import periodic


@periodic("accounts.forget_sessions", every=timedelta(days=1), at=time(3, 30))
def forget_sessions(now: datetime) -> int:
    """Delete sessions that have ended: they say when somebody last worked, which is not kept."""
    return Session.objects.filter(expire_date__lt=now).delete()[0]
