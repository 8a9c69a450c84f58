import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import OperationalError
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from xiangli.config.cli import main
from xiangli.config.doctor import Finding, Level
from xiangli.config.doctor.inside import _backup, _loops
from xiangli.config.doctor.machine import interrupted
from xiangli.config.keeping import record
from xiangli.config.metrics import _Now, exposition, openmetrics
from xiangli.kernel import outbox, timers
from xiangli.kernel.ids import new_id
from xiangli.kernel.models import Due, LedgerEvent, OutboxMessage
from xiangli.notices.models import Delivery
from xiangli.territory.tests.factories import make_county

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def figures(text: str) -> dict[str, float]:
    found = {}
    for family in parse_openmetrics(text):  # type: ignore[no-untyped-call]  # the library does not type it
        assert family.type == "gauge"
        assert family.documentation
        [sample] = family.samples
        assert (sample.name, sample.labels, sample.timestamp) == (family.name, {}, None)
        found[sample.name] = sample.value
    return found


@pytest.mark.django_db
def test_figures_are_read_by_both_parsers_and_say_what_waits_and_what_is_stuck() -> None:
    assert set(figures(openmetrics(NOW)).values()) == {0.0}
    timers.set_due("test.fire", new_id(), NOW - 90 * SECOND)
    timers.set_due("test.fire", new_id(), NOW - 5 * SECOND)
    timers.set_due("test.fire", new_id(), NOW + 5 * SECOND)
    outbox.put("test.tell", {}, now=NOW - 12 * SECOND)
    Due.objects.create(kind="test.stuck", subject=new_id(), at=NOW - 99 * SECOND, stuck_at=NOW)
    OutboxMessage.objects.create(topic="t", created_at=NOW, available_at=NOW - 99 * SECOND, stuck_at=NOW)
    county = make_county().county
    unsealed = LedgerEvent.objects.update(at=NOW - 7 * SECOND)
    assert unsealed
    for state, ahead in (("waiting", -3), ("waiting", 3), ("dead", -9), ("sent", -9)):
        Delivery.objects.create(
            county=county,
            kind="sms",
            what="report_case",
            state=state,
            made_at=NOW,
            not_before=NOW + ahead * SECOND,
        )
    text = openmetrics(NOW)
    assert figures(text) == {
        "xiangli_timers_waiting": 2,
        "xiangli_timers_late_seconds": 90,
        "xiangli_timers_stuck": 1,
        "xiangli_outbox_waiting": 1,
        "xiangli_outbox_late_seconds": 12,
        "xiangli_outbox_stuck": 1,
        "xiangli_deliveries_waiting": 1,
        "xiangli_deliveries_late_seconds": 3,
        "xiangli_deliveries_dead": 1,
        "xiangli_seals_waiting": unsealed,
        "xiangli_seals_late_seconds": 7,
    }
    # A node exporter reads files in the older format.
    older = {sample.name: sample.value for family in parse_prometheus(text) for sample in family.samples}
    assert older == figures(text)


@pytest.mark.django_db
def test_the_command_prints_or_replaces_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "en")
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)  # the test's own stays
    printed = CliRunner().invoke(main, ["metrics"])
    assert printed.exit_code == 0, printed.output
    assert figures(printed.output)["xiangli_timers_waiting"] == 0
    file = tmp_path / "xiangli.prom"
    file.write_text("old")
    told = CliRunner().invoke(main, ["metrics", "--to", str(file)])
    assert (told.exit_code, told.output) == (0, "")
    assert figures(file.read_text()) == figures(printed.output)
    assert [found.name for found in tmp_path.iterdir()] == ["xiangli.prom"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_command_starts_no_database_that_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "en")
    monkeypatch.setenv("XIANGLI_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL")
    told = CliRunner().invoke(main, ["metrics"])
    assert told.exit_code == 1
    assert "not running" in told.output
    assert not list(tmp_path.iterdir())


# -- what `xiangli doctor` says of the same


def finding(name: str, *, running: bool = True) -> Finding:
    [found] = [found for found in _loops(NOW, running) if found.name == name]
    return found


@pytest.mark.django_db
def test_doctor_says_when_timers_are_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "en")
    assert finding("timers") == Finding(Level.OK, "timers", "0 waiting")
    timers.set_due("test.fire", new_id(), NOW - 30 * SECOND)
    assert finding("timers").level is Level.OK
    timers.set_due("test.fire", new_id(), NOW - 31 * SECOND)
    found = finding("timers")
    assert (found.level, found.found) == (Level.FAIL, "2 waiting, the oldest for 31 s")
    assert "xiangli worker" in found.mend
    assert finding("timers", running=False).level is Level.WARN


@pytest.mark.django_db
def test_doctor_names_what_is_stuck_and_the_command_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "en")
    assert finding("stuck timers").level is Level.OK
    for _ in range(2):
        Due.objects.create(
            kind="test.fire", subject=new_id(), at=NOW, attempts=10, last_error="ValueError", stuck_at=NOW
        )
    found = finding("stuck timers")
    assert (found.level, found.found) == (Level.FAIL, "2: test.fire (ValueError)")
    command = re.search(r"xiangli manage (\w+) --retry", found.mend)
    assert command is not None
    assert command[1] == "timers"
    assert finding("stuck jobs").level is Level.OK


# -- over HTTP


def scraped(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_openmetrics(text)  # type: ignore[no-untyped-call]  # the library does not type it
        for sample in family.samples
    }


OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def client() -> Client:
    """Somebody on this machine."""
    return Client(SERVER_NAME="127.0.0.1")


@pytest.mark.django_db
def test_requests_are_counted_by_page_and_never_by_address(client: Client) -> None:
    def count(page: str, status: str) -> float:
        text = client.get("/metrics", headers={"accept": OPENMETRICS}).content.decode()
        assert "1234567890123456" not in text
        labels = frozenset({("page", page), ("method", "GET"), ("status", status)})
        return scraped(text).get(("xiangli_requests_total", labels), 0)

    before = count("web:alive", "2xx"), count("cases:track", "4xx"), count("-", "4xx")
    client.get("/healthz")
    client.get("/t/1234567890123456/")
    client.get("/no-such-page-1234567890123456/")
    after = count("web:alive", "2xx"), count("cases:track", "4xx"), count("-", "4xx")
    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 1, 1]
    answer = client.get("/metrics", headers={"accept": OPENMETRICS})
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    found = scraped(answer.content.decode())
    assert found["xiangli_timers_waiting", frozenset()] == 0
    assert found["xiangli_database_answers", frozenset()] == 1
    assert found["xiangli_request_seconds_count", frozenset({("page", "web:alive")})] >= 1
    assert client.get("/metrics")["Content-Type"].startswith("text/plain; version=")


@pytest.mark.django_db
def test_figures_are_for_this_machine_or_for_who_brings_the_token(client: Client, settings: Any) -> None:
    assert client.get("/metrics").status_code == 200
    for header in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
        assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    settings.PUBLIC_URL = "https://xiangli.example"
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "a-token-of-this-test"
    assert client.get("/metrics").status_code == 404
    for wrong in ("Bearer a-token", "Bearer ", "a-token-of-this-test", "Bearer 令牌"):
        assert client.get("/metrics", headers={"authorization": wrong}).status_code == 404
    right = {"authorization": "Bearer a-token-of-this-test"}
    assert client.get("/metrics", headers=right, REMOTE_ADDR="192.0.2.7").status_code == 200
    assert client.post("/metrics", headers=right).status_code == 405


def test_a_database_that_does_not_answer_is_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_now: datetime) -> None:
        raise OperationalError

    monkeypatch.setattr(timers, "waiting", fail)
    text, _type = exposition(NOW, OPENMETRICS)
    found = scraped(text.decode())
    assert found["xiangli_database_answers", frozenset()] == 0
    assert ("xiangli_timers_waiting", frozenset()) not in found


# -- what keeping adds


def test_the_age_of_the_last_backup_is_a_figure_and_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XIANGLI_LANG", "en")
    monkeypatch.setenv("XIANGLI_HOME", str(tmp_path))
    assert _backup(NOW).level is Level.WARN
    record.write(tmp_path, record.LastBackup(NOW - timedelta(hours=25), str(tmp_path / "b.tar"), 7, "0.1.0"))
    assert (_backup(NOW).level, _backup(NOW).found) == (
        Level.OK,
        f"{tmp_path}/b.tar is gone (well, if it was moved elsewhere)",
    )
    assert _backup(NOW + timedelta(hours=2)).level is Level.WARN
    [gauge] = [metric for metric in _Now(NOW)._kept() if metric.samples]
    assert (gauge.name, gauge.samples[0].value) == ("xiangli_backup_age_seconds", 25 * 3600)
    assert not list(interrupted())
    record.write(tmp_path, record.Upgrading(NOW, "0.2.0", None))
    [found] = interrupted()
    assert found.level is Level.FAIL
    assert "xiangli upgrade" in found.mend
