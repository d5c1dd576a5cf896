"""The SQLite probe on real files with real writers in other processes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from monitor.collect.sqlite_probe import SqliteProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    #: The fixture that starts applications; the argument of the first is the journal mode.
    Start = Callable[..., Any]

MODES = ["wal", "delete", "truncate", "persist"]


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Callable[[], SqliteProbe]]:
    opened: list[SqliteProbe] = []

    def open_probe() -> SqliteProbe:
        opened.append(SqliteProbe(tmp_path / "shop.db"))
        opened[-1].read()
        return opened[-1]

    yield open_probe
    for one in opened:
        one.close()


@pytest.mark.parametrize("mode", MODES)
def test_every_committed_write_transaction_is_counted_and_nothing_else(
    application: Start, probe: Callable[[], SqliteProbe], mode: str
) -> None:
    """Contradiction f: "writes per second" are committed write transactions, however many rows each has."""
    writer = application(mode)
    watching = probe()
    assert watching.read().writes == 0
    writer.commit(137)
    assert watching.read().writes == 137
    writer.sql("begin")
    writer.commit(500)
    assert watching.read().writes == 137
    writer.sql("commit")
    assert watching.read().writes == 138
    writer.sql("begin")
    writer.commit(10)
    writer.sql("rollback")
    writer.sql("select count(*) from t")
    writer.sql("update t set x = 0 where x = -1")
    assert watching.read().writes == 138


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_writers_in_several_processes_are_all_counted(
    application: Start, probe: Callable[[], SqliteProbe], mode: str
) -> None:
    writers = [application(mode), application(), application()]
    watching = probe()
    threads = [threading.Thread(target=writer.commit, args=(60,)) for writer in writers]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        watching.read()
    for thread in threads:
        thread.join()
    assert watching.read().writes == 180


def test_checkpoints_and_restarts_of_the_log_lose_no_count(
    application: Start, probe: Callable[[], SqliteProbe]
) -> None:
    writer = application("wal")
    watching = probe()
    for _ in range(5):
        writer.commit(20)
        writer.sql("pragma wal_checkpoint(truncate)")
    assert watching.read().writes == 100


def test_what_was_committed_before_the_last_connection_closed_is_still_counted(
    application: Start, probe: Callable[[], SqliteProbe]
) -> None:
    writer = application("wal")
    watching = probe()
    writer.commit(30)
    writer.close()
    writer.open()
    writer.commit(12)
    reading = watching.read()
    assert reading.writes == 42
    assert reading.notes["writes_per_second"].startswith("a lower bound")


def test_counting_begins_when_the_first_connection_comes_later(
    application: Start, probe: Callable[[], SqliteProbe]
) -> None:
    writer = application("wal")
    writer.commit(5)
    writer.close()
    watching = probe()
    assert watching.read().writes == 0
    writer.open()
    writer.commit(7)
    assert watching.read().writes == 7


def test_switching_the_journal_mode_goes_on_counting(
    application: Start, probe: Callable[[], SqliteProbe]
) -> None:
    writer = application("delete")
    watching = probe()
    writer.commit(10)
    assert (watching.read().writes, watching.read().journal_mode) == (10, "rollback")
    writer.sql("pragma journal_mode=wal")
    assert watching.read().journal_mode == "wal"
    writer.commit(10)
    assert watching.read().writes == 20
    writer.sql("pragma journal_mode=delete")
    assert watching.read().journal_mode == "rollback"
    writer.commit(10)
    assert watching.read().writes == 30


def test_sizes_are_those_of_the_files(
    application: Start, probe: Callable[[], SqliteProbe], tmp_path: Path
) -> None:
    writer = application("wal")
    writer.sql("insert into t values (zeroblob(300000))")
    reading = probe().read()
    main, wal = (tmp_path / "shop.db").stat().st_size, (tmp_path / "shop.db-wal").stat().st_size
    assert wal > 300_000
    assert reading.size_bytes == main + wal
    assert set(reading.files) == {"main", "wal", "shm"}
    assert reading.details["checkpoint_backlog_frames"] > 70
    writer.sql("pragma wal_checkpoint(passive)")
    assert probe().read().details["checkpoint_backlog_frames"] == 0


def test_an_exclusively_locked_database_is_not_called_idle(
    application: Start, probe: Callable[[], SqliteProbe]
) -> None:
    """With locking_mode=EXCLUSIVE the wal-index stays in the application's memory."""
    writer = application("wal")
    writer.close()
    writer.open()
    writer.sql("pragma locking_mode=exclusive")
    writer.commit(3)
    watching = probe()
    writer.commit(3)
    reading = watching.read()
    assert reading.writes == 3
    assert "exclusively" in reading.notes["writes_per_second"]
    assert reading.size_bytes is not None
    writer.sql("begin")
    writer.commit(400)
    writer.sql("rollback")
    writer.commit(2)
    assert watching.read().writes == 5
    for _ in range(4):  # the log begins again from its start
        writer.commit(5)
        writer.sql("pragma wal_checkpoint(restart)")
        writer.commit(1)
        watching.read()
    assert watching.read().writes == 29


def test_an_exclusively_locked_rollback_database_is_not_called_idle(
    application: Start, probe: Callable[[], SqliteProbe]
) -> None:
    """SQLite then raises the file's counter once and leaves it."""
    writer = application("delete")
    writer.sql("pragma locking_mode=exclusive")
    writer.commit(1)
    watching = probe()
    for _ in range(2):
        writer.commit(3)
        reading = watching.read()
    assert reading.writes is None
    assert "exclusively" in reading.notes["writes_per_second"]
    writer.sql("pragma locking_mode=normal")
    writer.commit(2)
    assert watching.read().writes is not None


def test_a_file_that_disappears_and_comes_back_is_unknown_and_then_counted_anew(
    application: Start, probe: Callable[[], SqliteProbe], tmp_path: Path
) -> None:
    writer = application("delete")
    watching = probe()
    writer.commit(4)
    assert watching.read().writes == 4
    writer.close()
    (tmp_path / "shop.db").unlink()
    gone = watching.read()
    assert (gone.size_bytes, gone.writes) == (None, None)
    assert "No such file" in gone.notes["database_size_bytes"]
    other = application("delete")
    other.commit(50)
    assert watching.read().writes == 4
    other.commit(2)
    assert watching.read().writes == 6


# --- Locks ---


def writing_is_refused(other: Any) -> bool:
    answer = other.sql("begin immediate")
    if answer == {"error": "database is locked"}:
        return True
    other.sql("rollback")
    return False


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_the_probe_never_drops_the_applications_locks(
    application: Start, probe: Callable[[], SqliteProbe], mode: str
) -> None:
    holder, other = application(mode), application()
    other.open(timeout=0)
    holder.sql("begin immediate")
    holder.commit(1)
    assert writing_is_refused(other)
    for _ in range(20):
        watching = probe()
        watching.read()
        watching.close()
        assert writing_is_refused(other)
    holder.sql("commit")
    assert not writing_is_refused(other)
    assert other.sql("pragma integrity_check") == [["ok"]]


def test_the_rule_the_probe_follows_is_real(application: Start) -> None:
    """The same opening and closing inside the application's process drops its locks: why a sidecar reads."""
    holder, other = application("delete"), application()
    other.open(timeout=0)
    holder.sql("begin immediate")
    assert writing_is_refused(other)
    holder.open_and_close_the_file()
    assert not writing_is_refused(other)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_watched_application_checkpoints_and_closes_as_if_alone(
    application: Start, probe: Callable[[], SqliteProbe], tmp_path: Path, mode: str
) -> None:
    writer = application(mode)
    watching = probe()
    writer.commit(10)
    watching.read()
    if mode == "wal":
        assert writer.sql("pragma wal_checkpoint(truncate)")[0][0] == 0
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]
