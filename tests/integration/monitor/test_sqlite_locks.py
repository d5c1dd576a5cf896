"""What the sidecar reads of SQLite's locks, on real files with real writers and readers."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.collect.database import open_probe
from monitor.collect.open_handles import read_open_handles
from monitor.collect.sqlite_probe import SqliteProbe
from monitor.collect.sqlite_statistics import read_statistics
from monitor.collect.writer_occupancy import WriterWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_the_share_of_moments_in_which_somebody_writes_is_the_writers_occupancy(
    application: Start, tmp_path: Path, mode: str
) -> None:
    writer, clock = application(mode), Clock()
    with contextlib.closing(WriterWatch(tmp_path / "shop.db", clock=clock)) as watch:

        def sample(times: int) -> None:
            for _ in range(times):
                clock.now += 0.02
                watch.sample()

        assert watch.seen() is None
        sample(60)
        free = watch.seen()
        assert free is not None
        assert (free.ratio, free.process, free.longest_s) == (0.0, None, 0.0)
        for _ in range(3):  # transactions of 0.4 s each, 1.2 s in all
            writer.sql("begin immediate")
            sample(20)
            writer.commit(1)
            writer.sql("commit")
        seen = watch.seen()
        assert seen is not None
        assert seen.samples == 120
        assert seen.ratio == pytest.approx(0.5)
        assert seen.process == writer.process
        assert 0.35 < seen.longest_s < 0.45
        clock.now += 61
        assert watch.seen() is None


def test_readers_alone_are_no_writers(application: Start, tmp_path: Path) -> None:
    reader = application("delete")
    reader.sql("begin")
    reader.sql("select * from t")
    with contextlib.closing(WriterWatch(tmp_path / "shop.db")) as watch:
        for _ in range(60):
            watch.sample()
        seen = watch.seen()
    assert seen is not None
    assert seen.ratio == 0


def test_a_reader_that_does_not_end_is_found_with_what_it_holds_up(
    application: Start, tmp_path: Path
) -> None:
    writer, reader, clock = application("wal"), application(), Clock()
    writer.commit(2)
    with contextlib.closing(SqliteProbe(tmp_path / "shop.db", clock=clock)) as probe:
        reader.sql("begin")
        reader.sql("select count(*) from t")
        writer.commit(30)
        assert probe.read().details["pinned_reader_seconds"] == 0
        clock.now += 40
        pinned = probe.read()
        assert pinned.details["pinned_reader_seconds"] == 40
        assert pinned.details["pinned_reader_frames"] >= 30
        assert pinned.details["checkpoint_backlog_frames"] >= 30
        (occupant,) = pinned.occupants
        assert (occupant.role, occupant.process) == ("pinned reader", reader.process)
        assert occupant.name is not None
        reader.sql("commit")
        writer.sql("pragma wal_checkpoint(passive)")
        freed = probe.read()
        assert freed.details["pinned_reader_seconds"] == 0
        assert freed.details["checkpoint_backlog_frames"] == 0
        assert freed.occupants == ()


def test_the_sidecar_holds_no_lock_of_its_own_and_pins_no_reader(
    application: Start, sidecar: Start, waiting: Start, tmp_path: Path
) -> None:
    """The whole sidecar, its threads and its child process: every checkpoint of the application completes."""
    writer = application("wal")
    running = sidecar("--database", str(tmp_path / "shop.db"), "--interval", "0.3", "--window", "5")
    inodes = {(tmp_path / f"shop.db{suffix}").stat().st_ino for suffix in ("", "-wal", "-shm")}

    def asked() -> Any:
        found = running.get("/api/metrics/scalability").json()["database"]
        return "tables_with_stale_statistics" in found["details"] and found

    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        writer.commit(20)
        busy, frames, copied = writer.sql("pragma wal_checkpoint(restart)")[0]
        assert (busy, frames) == (0, copied)
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if str(running.process.pid) in fields:
                assert int(fields[-3].rpartition(":")[2]) not in inodes, line
    found = waiting(asked)
    assert found["details"]["writer_occupancy_ratio"] < 1
    assert {one["process"] for one in found["occupants"] if one["role"] == "open"} == {writer.process}
    assert (
        "scalability_database_writer_occupancy_ratio"
        in running.get("/api/metrics/scalability/prometheus").text
    )
    writer.close()
    assert sorted(path.name for path in tmp_path.glob("shop.db*")) == ["shop.db"]


def test_who_has_the_database_open_is_counted_by_descriptors(application: Start, tmp_path: Path) -> None:
    first, second = application("wal"), application()
    first.commit(1)
    second.sql("select * from t")
    found = read_open_handles(tmp_path / "shop.db")
    assert {one.process for one in found.openers} == {first.process, second.process}
    assert all(one.handles == 3 and one.memory_bytes > 1_000_000 for one in found.openers)
    second.close()
    assert [one.process for one in read_open_handles(tmp_path / "shop.db").openers] == [first.process]


# --- Files that change places ---


def test_a_link_is_followed_to_the_file_it_leads_to_now(application: Start, tmp_path: Path) -> None:
    writer = application("wal")
    writer.commit(3)
    other = tmp_path / "old.db"
    other.write_bytes((tmp_path / "shop.db").read_bytes())
    link = tmp_path / "current.db"
    link.symlink_to(other)
    with contextlib.closing(SqliteProbe(link)) as probe:
        assert probe.read().name == "old.db"
        assert probe.read().writes == 0
        link.unlink()
        link.symlink_to(tmp_path / "shop.db")
        assert probe.read().name == "shop.db"
        writer.commit(4)
        assert probe.read().writes == 4
        link.unlink()
        gone = probe.read()
        assert (gone.size_bytes, gone.writes) == (None, None)


def test_a_file_put_in_the_databases_place_is_not_its_growth(application: Start, tmp_path: Path) -> None:
    writer = application("delete")
    writer.commit(3)
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "shop.db").read_bytes())
    with contextlib.closing(SqliteProbe(tmp_path / "shop.db")) as probe:
        probe.read()
        writer.close()
        copy.rename(tmp_path / "shop.db")
        assert probe.read().writes == 0
        (tmp_path / "shop.db").unlink()
        os.mkfifo(tmp_path / "shop.db")
        assert "not a regular file" in probe.read().notes["database_size_bytes"]


# --- Statistics ---


def test_statistics_that_are_missing_or_old_are_named(application: Start, tmp_path: Path) -> None:
    writer = application("wal")
    for table in ("indexed", "fresh", "old"):
        writer.sql(f"create table {table} (x)")
        writer.sql(f"create index {table}_x on {table} (x)")
    rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) select i from n"
    writer.sql(f"insert into fresh {rows}")
    writer.sql("insert into old values (1), (2)")
    writer.sql("analyze")
    writer.sql(f"insert into old {rows}")
    writer.sql(f"insert into indexed {rows}")
    writer.sql(f"insert into t {rows}")  # without an index there is nothing to choose from
    stale = {table.name: table.note for table in read_statistics(tmp_path / "shop.db").stale}
    assert stale == {"indexed": "never analyzed", "old": "analyzed when it had 2 rows"}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_asking_a_database_that_nobody_has_open_leaves_nothing_behind(
    application: Start, tmp_path: Path, mode: str
) -> None:
    application(mode).close()
    found = read_statistics(tmp_path / "shop.db", fragmentation=True)
    assert (found.problem, found.stale, found.scattered) == ("", (), ())
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]


def test_fragmentation_is_measured_only_when_asked_for(application: Start, tmp_path: Path) -> None:
    writer = application("wal")
    writer.sql("create table big (id integer primary key, x)")
    rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"
    writer.sql(f"insert into big {rows} select i, randomblob(200) from n")
    writer.sql("delete from big where id % 5 <> 0")
    assert read_statistics(tmp_path / "shop.db").scattered is None
    found = read_statistics(tmp_path / "shop.db", fragmentation=True).scattered
    assert found is not None
    assert [table.name for table in found] == ["big"]
    assert "empty" in found[0].note


def test_a_locked_database_is_not_waited_for(application: Start, tmp_path: Path) -> None:
    writer = application("delete")
    writer.sql("begin exclusive")
    assert read_statistics(tmp_path / "shop.db").problem == "database is locked"
    with contextlib.closing(open_probe(str(tmp_path / "shop.db"))) as probe:
        assert probe.read().size_bytes is not None
