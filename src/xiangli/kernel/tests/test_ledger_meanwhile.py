"""Verifying while the sealer works: what is sealed and published meanwhile belongs to a later moment."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from xiangli.kernel.ids import new_id
from xiangli.kernel.ledger import Chain, publish_heads, seal_once, verify, verify_ledger

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def seal_and_publish(scope: UUID, now: datetime) -> None:
    chain = Chain(stream=new_id(), scope=scope, seq=0, head=b"\0" * 32)
    chain.append("test", at=now, actor=None, authority="rule:test", data={})
    chain.save()
    seal_once(now)
    publish_heads(now)


@pytest.mark.django_db(transaction=True)
def test_a_head_published_while_events_are_walked_is_no_fault(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEDGER_HEADS = tmp_path
    scope = new_id()
    seal_and_publish(scope, NOW)
    walk = verify._walk_seals

    def sealed_meanwhile(*words: Any) -> None:
        def work() -> None:
            seal_and_publish(scope, NOW + timedelta(days=1))
            connection.close()

        sealer = threading.Thread(target=work)
        sealer.start()
        sealer.join()
        walk(*words)

    monkeypatch.setattr(verify, "_walk_seals", sealed_meanwhile)
    report = verify_ledger(scope)
    assert report.ok, report
    monkeypatch.undo()
    settings.LEDGER_HEADS = tmp_path
    assert verify_ledger(scope).heads == 2
