from __future__ import annotations

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.utils import timezone

from xiangli.accounts.tasks import forget_sessions


def test_sessions_that_ended_are_forgotten(db: None) -> None:
    now = timezone.now()
    for key, days in (("ended", -1), ("lives", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    assert forget_sessions(now) == 1
    assert Session.objects.get().session_key == "lives"
