"""The embedded server: whole after a kill, and told apart from what it cannot use."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from xiangli.config.launcher.embedded import APP, DatabaseError, Embedded, unreachable_parent
from xiangli.config.launcher.home import held


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user may pass: pytest's own is closed to them, and as root the server is one."""
    with tempfile.TemporaryDirectory(prefix="xiangli-pg-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def ask(server: Embedded, statement: str, role: str = "postgres") -> list[tuple[object, ...]]:
    with psycopg.connect(server.url(role=role), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_it_speaks_chinese_and_listens_on_no_network(folder: Path) -> None:
    server = Embedded(folder / "pg", durable=False)
    server.start()
    try:
        server.prepare()
        server.prepare()  # safe to repeat
        assert len(ask(server, "SELECT unnest(show_trgm('垃圾清运'))")) == 5
        assert ask(server, "SHOW listen_addresses") == [("",)]
        assert ask(server, "SHOW server_encoding") == [("UTF8",)]
        assert ask(server, "SELECT current_user", role=APP) == [(APP,)]
        assert ask(server, "SELECT nspname FROM pg_namespace WHERE nspname = 'xiangli'") == [("xiangli",)]
        assert server.sockets.stat().st_mode & 0o077 == 0
    finally:
        server.stop()
    assert not server.answers()


def test_what_was_committed_is_there_after_a_kill(folder: Path) -> None:
    server = Embedded(folder / "pg")
    process = server.start()
    server.prepare()
    ask(server, "CREATE TABLE kept (n int DEFAULT 1)")
    for n in range(3):
        ask(server, "INSERT INTO kept DEFAULT VALUES")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        server = Embedded(folder / "pg")
        process = server.start()
        assert len(ask(server, "SELECT n FROM kept")) == n + 1
    server.stop()


def test_a_server_left_running_by_a_killed_launcher_is_ended(folder: Path) -> None:
    left = Embedded(folder / "pg", durable=False)
    orphan = left.start()
    server = Embedded(folder / "pg", durable=False)
    process = server.start()
    assert orphan.wait(10) == 0
    assert process.pid != orphan.pid
    assert server.answers()
    server.stop()


def test_a_process_id_used_again_by_another_program_is_left_alone(folder: Path) -> None:
    server = Embedded(folder / "pg", durable=False)
    server.start()
    words = (server.data / "postmaster.pid").read_text().splitlines()
    os.kill(int(words[0]), signal.SIGKILL)
    server.stop()
    words[0] = str(os.getpid())
    (server.data / "postmaster.pid").write_text("\n".join(words))
    server.start()
    assert server.answers()
    server.stop()


def test_data_of_another_version_is_refused_with_the_way_out(folder: Path) -> None:
    server = Embedded(folder / "pg", durable=False)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(DatabaseError, match=r"PostgreSQL 17.*pg_dump"):
        server.start()


def test_a_folder_with_something_else_is_refused_and_kept(folder: Path) -> None:
    server = Embedded(folder / "pg", durable=False)
    server.data.mkdir()
    os.chown(server.data, server.uid, server.gid)
    (server.data / "letter.txt").write_text("mine")
    with pytest.raises(DatabaseError, match="not empty"):
        server.start()
    assert (server.data / "letter.txt").read_text() == "mine"


def test_a_socket_folder_of_somebody_else_is_refused(folder: Path) -> None:
    server = Embedded(folder / "pg", durable=False)
    server.sockets.mkdir(mode=0o755)
    try:
        with pytest.raises(DatabaseError, match="private"):
            server.start()
    finally:
        server.sockets.rmdir()


def test_the_socket_of_a_long_path_is_short(folder: Path) -> None:
    server = Embedded(folder / "很长的名字" / ("x" * 100) / "pg", durable=False)
    assert len(os.fsencode(server.sockets / ".s.PGSQL.5432")) < 104


def test_the_folder_in_the_way_is_named(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    assert unreachable_parent(closed / "pg", uid=os.getuid() + 1, gid=os.getgid() + 1) == closed
    assert unreachable_parent(closed / "pg", uid=os.getuid(), gid=os.getgid()) is None
    assert unreachable_parent(folder / "none" / "pg", uid=os.getuid() + 1, gid=os.getgid() + 1) is None


def test_one_home_is_held_once(folder: Path) -> None:
    with held(folder), pytest.raises(DatabaseError, match=str(os.getpid())), held(folder):
        pass
    with held(folder):
        pass
