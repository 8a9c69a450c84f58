"""kill -9 of the whole process tree while people report at full speed: what was acknowledged is there once.

The server is the real one with a durable database. Acknowledged is what the browser was told: a redirect to a
receipt. A report that was under way at the kill may stand or not; sent again, it stands once.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support.reporting import Reporter
from tests.support.site import Site, site
from tests.support.wire import UnansweredError
from xiangli.kernel.ids import new_id

log = logging.getLogger(__name__)

PEOPLE = 8
LEASE_S = 60  # after which a message of a killed worker is taken up again


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site() as made:
        made.start()
        made.load_territory()
        yield made


@dataclass(frozen=True, slots=True)
class Sent:
    """One report as it left a phone; `code` is "" where no answer came."""

    plate: str
    client_id: UUID
    words: str
    code: str

    @property
    def fields(self) -> dict[str, str]:
        return {"category": "environment", "words": self.words, "name": "王女士", "phone": "13800000000"}


@dataclass(slots=True)
class Crowd:
    """People who report until the server is gone."""

    place: Site
    sent: list[Sent] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def report_until_killed(self, seconds: float) -> None:
        """Let everybody report; after `seconds` of acknowledged reports, kill everything."""
        plates = self.place.plates()
        random.shuffle(plates)
        cookie, token = self.place.csrf(plates[0])
        threads = [
            threading.Thread(target=self._one, args=(plates[number::PEOPLE], cookie, token))
            for number in range(PEOPLE)
        ]
        for thread in threads:
            thread.start()
        self.place.until(lambda: any(row.code for row in self.sent) or bool(self.wrong))
        time.sleep(seconds)
        self.place.kill()
        for thread in threads:
            thread.join()

    def _one(self, plates: list[str], cookie: str, token: str) -> None:
        reporter = Reporter(self.place.port, cookie, token)
        for number in count():
            made = Sent(plates[number % len(plates)], new_id(), f"路灯不亮 {new_id()}", "")
            try:
                status, code = reporter.report(made.plate, made.client_id, made.fields)
            except UnansweredError:
                self.sent.append(made)
                return
            if not code:
                # The database may fall a moment before the web server: an honest error is no acknowledgement.
                self.sent.append(made)
                if status < 500:
                    self.wrong.append(f"a report was answered {status}")
                    return
                continue
            self.sent.append(Sent(made.plate, made.client_id, made.words, code))

    def send_again(self, rows: list[Sent]) -> list[str]:
        """Send reports once more, as a phone does when it has a network again; their codes."""
        codes = []
        cookie, token = self.place.csrf(rows[0].plate) if rows else ("", "")
        reporter = Reporter(self.place.port, cookie, token)
        for row in rows:
            status, code = reporter.report(row.plate, row.client_id, row.fields)
            assert code, f"a resend was answered {status}"
            codes.append(code)
        reporter.close()
        return codes


def written(connection: psycopg.Connection[Any]) -> Counter[str]:
    """How often each report's words stand in a first event of a matter."""
    rows = connection.execute(
        "SELECT p.body ->> 'words' FROM matters_matter m"
        " JOIN kernel_ledgerevent e ON e.stream = m.id AND e.seq = 1"
        " JOIN kernel_ledgerpayload p ON p.event_id = e.id"
    )
    return Counter(row[0] for row in rows)


# Each must find nothing.
HALF_BORN = {
    "a matter without a case": "SELECT m.id FROM matters_matter m LEFT JOIN cases_case c ON c.matter_id = m.id"
    " WHERE c IS NULL",
    "a matter without a receipt": "SELECT m.id FROM matters_matter m"
    " LEFT JOIN matters_receipt r ON r.matter_id = m.id WHERE r IS NULL",
    "a matter whose events have a gap, or whose head is another": "SELECT m.id FROM matters_matter m"
    " LEFT JOIN kernel_ledgerevent e ON e.stream = m.id GROUP BY m.id, m.event_seq, m.event_head"
    " HAVING count(e) <> m.event_seq OR max(e.seq) <> m.event_seq OR min(e.seq) <> 1"
    " OR (array_agg(e.hash ORDER BY e.seq DESC))[1] <> m.event_head",
    "an event without its matter": "SELECT e.id FROM kernel_ledgerevent e"
    " LEFT JOIN matters_matter m ON m.id = e.stream WHERE e.kind = 'report_case' AND m IS NULL",
    "an event without the words it is bound to": "SELECT e.id FROM kernel_ledgerevent e"
    " LEFT JOIN kernel_ledgerpayload p ON p.event_id = e.id"
    " WHERE (e.commitment IS NULL) <> (p.event_id IS NULL)",
    "a matter not announced exactly once": "SELECT m.id FROM matters_matter m LEFT JOIN kernel_outboxmessage o"
    " ON o.topic = 'notices.tell' AND o.payload ->> 'matter' = m.id::text WHERE m.holder_post_id IS NOT NULL"
    " GROUP BY m.id HAVING count(o) <> 1",
    "somebody told twice": "SELECT about FROM notices_notice GROUP BY about, user_id, kind HAVING count(*) > 1",
    "an announcement done without everybody being told": "SELECT o.id FROM kernel_outboxmessage o"
    " WHERE o.topic = 'notices.tell' AND o.done_at IS NOT NULL AND"
    " (SELECT count(*) FROM notices_notice n WHERE n.message = o.id) <>"
    " (SELECT count(DISTINCT a.user_id) FROM territory_appointment a"
    "   WHERE a.unit_id = split_part(o.payload ->> 'seat', ':', 1)::uuid"
    "     AND a.post_id = split_part(o.payload ->> 'seat', ':', 2)::uuid AND a.valid_to IS NULL)",
    "an announcement that is not done and told of": "SELECT o.id FROM kernel_outboxmessage o"
    " JOIN notices_notice n ON n.message = o.id WHERE o.done_at IS NULL",
}


def check_whole(connection: psycopg.Connection[Any]) -> None:
    for what, statement in HALF_BORN.items():
        found = connection.execute(statement.encode()).fetchall()
        assert not found, f"{what}: {found[:3]}"


def kill_and_look(place: Site, *, seconds: float) -> tuple[int, int]:
    """One round; returns how many reports were acknowledged, and how many had no answer."""
    crowd = Crowd(place)
    crowd.report_until_killed(seconds)
    assert not crowd.wrong, crowd.wrong
    acknowledged = [row for row in crowd.sent if row.code]
    unknown = [row for row in crowd.sent if not row.code]
    assert len(acknowledged) > PEOPLE

    place.start()
    with place.sql() as connection:
        there = written(connection)
        lost = [row.code for row in acknowledged if there[row.words] != 1]
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged reports are not there once"
        assert all(there[row.words] <= 1 for row in unknown)
        check_whole(connection)

        crowd.send_again(unknown)
        some = random.sample(acknowledged, min(20, len(acknowledged)))
        assert crowd.send_again(some) == [row.code for row in some]
        there = written(connection)
        assert all(there[row.words] == 1 for row in crowd.sent)
        assert set(there.values()) == {1}
        check_whole(connection)
    place.call("verify-ledger")
    return len(acknowledged), len(unknown)


def wait_until_all_is_told(place: Site) -> None:
    with place.sql() as connection:

        def told() -> bool:
            waiting = connection.execute(
                "SELECT count(*) FROM kernel_outboxmessage WHERE topic = 'notices.tell' AND done_at IS NULL"
            ).fetchone()
            return waiting == (0,)

        place.until(told, seconds=LEASE_S + 60)
        check_whole(connection)


def rounds(place: Site, number: int) -> None:
    for turn in range(number):
        seconds = random.uniform(0.5, 4)
        acknowledged, unknown = kill_and_look(place, seconds=seconds)
        log.info(
            "kill %d after %.2f s: %d acknowledged, %d unanswered", turn + 1, seconds, acknowledged, unknown
        )
    wait_until_all_is_told(place)
    place.call("verify-ledger")


@pytest.mark.long
def test_three_kills_lose_and_double_nothing(place: Site) -> None:
    rounds(place, 3)


@pytest.mark.soak
def test_twenty_kills_lose_and_double_nothing(place: Site) -> None:
    rounds(place, 20)


@pytest.mark.long
def test_a_message_whose_worker_is_killed_in_the_middle_is_done_once(place: Site) -> None:
    crowd = Crowd(place)
    row = Sent(random.choice(place.plates()), new_id(), f"井盖坏了 {new_id()}", "")
    with place.sql() as connection, place.sql() as other:
        # The worker comes as far as writing the notice, and waits there with the message marked done.
        with connection.transaction():
            connection.execute("LOCK TABLE notices_notice IN ACCESS EXCLUSIVE MODE")
            crowd.send_again([row])
            place.until(lambda: bool(_waiting_for_notices(other)))
            [(session,)] = _waiting_for_notices(other)
            [worker] = place.processes_of("worker")
            os.kill(worker, signal.SIGKILL)
        # The lock is free: its session finds nobody to answer to, and takes back what it did.
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
        place.until(lambda: other.execute(sessions, [session]).fetchone() == (0,))
        message = other.execute(
            "SELECT o.id, o.attempts, o.done_at FROM kernel_outboxmessage o"
            " JOIN kernel_ledgerevent e ON o.payload ->> 'matter' = e.stream::text"
            " JOIN kernel_ledgerpayload p ON p.event_id = e.id WHERE p.body ->> 'words' = %s",
            [row.words],
        ).fetchone()
        assert message is not None
        assert message[1:] == (1, None)  # taken up once, not done
        wait_until_all_is_told(place)
        after = other.execute(
            "SELECT attempts, (SELECT count(DISTINCT user_id) = count(*) AND count(*) > 0 FROM notices_notice"
            "  WHERE message = o.id) FROM kernel_outboxmessage o WHERE id = %s",
            [message[0]],
        ).fetchone()
        assert after == (2, True)


def _waiting_for_notices(connection: psycopg.Connection[Any]) -> list[tuple[int]]:
    return connection.execute(
        "SELECT pid FROM pg_locks WHERE relation = 'notices_notice'::regclass AND NOT granted"
    ).fetchall()
