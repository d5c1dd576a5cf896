"""Reading bytes, counters that start again, windows, control groups, and files that are no databases."""

from __future__ import annotations

import ast
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import monitor.middleware
from monitor.collect import (
    cgroup,
    file_locks,
    schema_shape,
    sqlite_place,
    sqlite_statistics,
    writer_occupancy,
)
from monitor.collect.commits import CommitCounter
from monitor.collect.database import open_probe
from monitor.collect.filesystem import filesystem_of, network_filesystem
from monitor.collect.postgresql_probe import is_connection_string
from monitor.collect.sqlite_format import parse_header, parse_wal_index
from monitor.collect.sqlite_place import InMemory, NotADatabase, OnNetwork
from monitor.collect.system import read_system
from monitor.collect.window import CounterWindow, Gain
from monitor.errors import ExitCode

# --- SQLite's bytes ---


def header(page_size: int = 4096, write_version: int = 1, counter: int = 7) -> bytes:
    data = bytearray(100)
    data[:16] = b"SQLite format 3\x00"
    struct.pack_into(">H", data, 16, page_size)
    data[18] = data[19] = write_version
    struct.pack_into(">II", data, 24, counter, 12)
    struct.pack_into(">I", data, 36, 3)
    return bytes(data)


def wal_index(version: int = 3007000, commits: int = 9, initialised: int = 1) -> bytes:
    copy = struct.pack("=IIIBBHI", version, 0, commits, initialised, 0, 4096, 40).ljust(48, b"\x01")
    return copy + copy + struct.pack("=6I", 15, 0, 40, 7, 0xFFFFFFFF, 0xFFFFFFFF)


def test_the_database_header_is_read() -> None:
    found = parse_header(header())
    assert found is not None
    assert (found.page_size, found.journal_mode, found.change_counter) == (4096, "rollback", 7)
    assert (found.pages, found.free_pages) == (12, 3)
    largest = parse_header(header(page_size=1, write_version=2))
    assert largest is not None
    assert (largest.page_size, largest.journal_mode) == (65536, "wal")


def test_the_wal_index_is_read() -> None:
    found = parse_wal_index(wal_index())
    assert found is not None
    assert (found.commits, found.frames, found.backfilled) == (9, 40, 15)
    assert found.read_marks == (0, 40, 7, None, None)


@pytest.mark.parametrize(
    "data", [b"", wal_index()[:119], wal_index(version=3008000), wal_index(initialised=0), b"\x00" * 120]
)
def test_a_wal_index_that_cannot_be_trusted_is_unknown(data: bytes) -> None:
    assert parse_wal_index(data) is None


def test_a_wal_index_that_is_being_written_is_unknown() -> None:
    torn = bytearray(wal_index())
    torn[8] += 1
    assert parse_wal_index(bytes(torn)) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unknown(data: bytes) -> None:
    parse_header(data)
    parse_wal_index(data)


# --- Counters ---


@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=5), max_size=6))
def test_a_counter_made_anew_loses_nothing_and_never_falls(lives: list[list[int]]) -> None:
    """Each inner list is what one life of SQLite's counter adds between two looks."""
    counter = CommitCounter()
    counter.anew()
    for life in lives:
        shown = 0
        counter.anew()
        for added in life:
            shown += added
            before = counter.total
            counter.see(shown, restarts=True)
            assert counter.total >= before
    assert counter.total == sum(map(sum, lives))


def test_another_files_past_is_not_counted() -> None:
    counter = CommitCounter()
    counter.see(1000, restarts=False)
    counter.see(1005, restarts=False)
    counter.exchanged()
    counter.see(7, restarts=False)
    counter.see(9, restarts=False)
    counter.see(3, restarts=False)
    assert counter.total == 7


# --- Windows ---


def test_a_rate_is_what_counters_gained_in_the_window() -> None:
    window = CounterWindow(10)
    assert window.gain() is None
    for second in range(30):
        window.add(float(second), second * 5.0, second * 1.0)
    assert window.gain() == Gain((50.0, 10.0), 10.0)


def test_a_young_window_covers_what_it_has_seen() -> None:
    window = CounterWindow(300)
    window.add(0, 0)
    assert window.gain() is None
    window.add(2, 8)
    assert window.gain() == Gain((8,), 2)


def test_a_counter_that_falls_begins_anew() -> None:
    window = CounterWindow(10)
    window.add(0, 100)
    window.add(1, 110)
    window.add(2, 4)
    assert window.gain() is None
    window.add(3, 6)
    assert window.gain() == Gain((2,), 1)


# --- Control groups ---


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return tmp_path / "proc"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def test_version_2_limits_are_the_tightest_above_the_process(proc: Path, root: Path) -> None:
    write(proc / "self", cgroup="0::/app/worker")
    write(root, cgroup__controllers="cpu memory")
    write(
        root / "app",
        memory__max="1000",
        memory__current="700",
        memory__stat="anon 300\ninactive_file 200",
        cpu__max="50000 100000",
        cpu__stat="usage_usec 2500000\nuser_usec 1",
    )
    write(root / "app" / "worker", memory__max="max", memory__current="600", cpu__max="max 100000")
    assert cgroup.memory(proc, root) == cgroup.Memory(used=500, limit=1000)
    assert cgroup.cpu(proc, root) == cgroup.Cpu(used_s=2.5, cpus=0.5)


def test_inside_a_container_the_mounted_root_is_the_group(proc: Path, root: Path) -> None:
    write(proc / "self", cgroup="0::/docker/abc")
    write(root, cgroup__controllers="memory", memory__max="4000", memory__current="1000")
    assert cgroup.memory(proc, root) == cgroup.Memory(used=1000, limit=4000)


def test_version_1_limits_are_read(proc: Path, root: Path) -> None:
    write(proc / "self", cgroup="5:memory:/box\n4:cpu,cpuacct:/box")
    write(
        root / "memory" / "box",
        memory__limit_in_bytes="2000",
        memory__usage_in_bytes="900",
        memory__stat="total_inactive_file 100",
    )
    write(root / "cpu" / "box", cpu__cfs_quota_us="200000", cpu__cfs_period_us="100000")
    write(root / "cpuacct" / "box", cpuacct__usage="3000000000")
    assert cgroup.memory(proc, root) == cgroup.Memory(used=800, limit=2000)
    assert cgroup.cpu(proc, root) == cgroup.Cpu(used_s=3.0, cpus=2.0)


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_no_limit_is_no_group(proc: Path, root: Path, limit: str) -> None:
    write(proc / "self", cgroup="0::/")
    write(root, cgroup__controllers="memory", memory__max=limit, memory__current="1")
    assert cgroup.memory(proc, root) is None
    assert cgroup.cpu(proc, root) is None


def test_without_control_groups_there_are_no_limits(proc: Path, root: Path) -> None:
    assert cgroup.memory(proc, root) is None
    assert cgroup.cpu(proc, root) is None


def test_this_machine_has_a_reading() -> None:
    reading = read_system()
    assert 0 < reading.memory_percent < 100
    assert 0 < reading.cpu_busy_s <= reading.cpu_capacity_s or reading.cpu_scope == "cgroup"


# --- What is no database ---


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"hello world, this is text", "is not a SQLite database"),
        (bytes(range(256)) * 16, "is not a SQLite database"),
    ],
)
def test_a_file_that_cannot_be_watched_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "shop.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotADatabase) as refused:
        open_probe(str(path))
    assert said in refused.value.what
    assert refused.value.exit_code is ExitCode.WRONG_USAGE


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(NotADatabase, match="cannot be read"):
        open_probe(str(tmp_path))


@pytest.mark.parametrize("target", [":memory:", "file::memory:?cache=shared", "file:shop?mode=memory"])
def test_a_database_in_memory_is_refused_with_the_reason(target: str) -> None:
    with pytest.raises(InMemory, match="cannot be watched") as refused:
        open_probe(target)
    assert "own connection" in refused.value.why


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/share\\040one rw - nfs4 server:/export rw
31 30 8:2 / /mnt/share\\040one/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /data rw - ext4 /dev/sdc1 rw
33 22 0:42 / /data rw - fuse.sshfs me@host: rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/shop.db", "ext4"),
        ("/mnt/share one/shop.db", "nfs4"),
        ("/mnt/share one/local/shop.db", "xfs"),
        ("/mnt/share on/shop.db", "ext4"),
        ("/data/shop.db", "fuse.sshfs"),
    ],
)
def test_the_file_system_is_that_of_the_deepest_and_last_mount(path: str, kind: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind


def test_a_database_on_a_network_file_system_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.db").write_bytes(header())
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 22 0:40 / {tmp_path} rw - nfs server:/export rw")
    monkeypatch.setattr(sqlite_place, "network_filesystem", lambda path: network_filesystem(path, mounts))
    with pytest.raises(OnNetwork, match=r"network file system \(nfs\)") as refused:
        open_probe(str(tmp_path / "shop.db"))
    assert "locks" in refused.value.why
    assert refused.value.exit_code is ExitCode.WRONG_USAGE
    assert network_filesystem(tmp_path, tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("target", "is_one"),
    [
        ("postgresql://app@db/shop", True),
        ("postgres:///shop?host=/run", True),
        ("host=/run dbname=shop", True),
        ("shop.db", False),
        ("data/shop.sqlite3", False),
        ("/var/lib/app/db", False),
    ],
)
def test_connection_strings_are_told_from_files(target: str, is_one: bool) -> None:
    assert is_connection_string(target) is is_one


# --- Hard rules ---


def test_the_middleware_opens_no_file() -> None:
    """Opening and closing a database file in the application's process would drop SQLite's locks."""
    for path in Path(monitor.middleware.__file__ or "").parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {
            node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
        }
        assert not called & {"open", "read_text", "read_bytes", "fdopen", "stat"}, path.name


def test_what_reads_the_files_bytes_runs_no_sql() -> None:
    """sqlite3 is used in two modules only, by child processes."""
    for path in Path(cgroup.__file__).parent.glob("*.py"):
        if path.name not in {"sqlite_statistics.py", "schema_shape.py"}:
            assert "sqlite3" not in path.read_text(encoding="utf-8"), path.name
    assert not hasattr(sqlite_statistics, "sqlite3")
    assert not hasattr(schema_shape, "sqlite3")


def test_elsewhere_than_on_linux_locks_are_unsupported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_locks, "SUPPORTED", False)
    watch = writer_occupancy.WriterWatch(tmp_path / "shop.db")
    watch.start()
    assert watch.problem.startswith("unsupported")
    assert watch.seen() is None
    watch.close()
