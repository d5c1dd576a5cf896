"""The store: what comes back out, what survives, what stays bounded, what it refuses to touch."""

from __future__ import annotations

import itertools
import math
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.serve.storing import open_history
from monitor.store import history as history_module
from monitor.store import tiers
from monitor.store.history import BadStep, History, Transition, UnknownSeries
from monitor.store.opening import NoStore, NotAStore, StoreInUse, open_store, reading
from monitor.store.place import default_store
from monitor.store.tiers import MAX_POINTS, SERIES, TIERS, Tier
from monitor.thresholds import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = 1_790_000_000.0


class Clock:
    """A wall clock and a monotonic one that the test turns."""

    def __init__(self) -> None:
        self.wall = NOON
        self.monotonic = 0.0

    def step(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> Iterator[History]:
    one = History(now=lambda: clock.wall, clock=lambda: clock.monotonic)
    yield one
    one.close()


def on_disk(path: Path, clock: Clock) -> History:
    return History(open_store(path), now=lambda: clock.wall, clock=lambda: clock.monotonic)


def watch(
    history: History, clock: Clock, values: list[float], every: float = 5, metric: str = "p95_ms"
) -> None:
    for value in values:
        history.append(clock.wall, {metric: value})
        clock.step(every)


# --- Reading back ---


def test_each_metric_is_a_series() -> None:
    assert set(METRICS) < set(SERIES)


def test_a_point_is_the_mean_the_least_and_the_greatest_of_its_step(history: History, clock: Clock) -> None:
    watch(history, clock, [10, 20, 40, 60])
    line = history.series("p95_ms", since=NOON, step=10)
    assert line.step_s == 10
    assert [(point.value, point.low, point.high, point.samples) for point in line.points] == [
        (15, 10, 20, 2),
        (50, 40, 60, 2),
    ]
    assert line.points[0].at == NOON


def test_what_is_not_known_leaves_a_gap_and_never_a_zero(history: History, clock: Clock) -> None:
    for value in (5.0, None, math.nan, math.inf, 7.0):
        history.append(clock.wall, {"p95_ms": value})
        clock.step(10)
    points = history.series("p95_ms", since=NOON, step=10).points
    assert [(point.at - NOON, point.value) for point in points] == [(0, 5), (40, 7)]


@given(
    st.lists(st.tuples(st.floats(0, 5e4), st.floats(-1e6, 1e6)), min_size=1, max_size=40),
    st.floats(1, 1e5),
)
def test_no_sample_is_lost_or_counted_twice_at_any_step(
    samples: list[tuple[float, float]], step: float
) -> None:
    history = History(now=lambda: NOON + 6e4, clock=lambda: 0.0)
    for after, value in samples:
        history.append(NOON + after, {"score": value})
    points = history.series("score", since=NOON, step=step).points
    assert sum(point.samples for point in points) == len(samples)
    assert sum(point.value * point.samples for point in points) == pytest.approx(
        sum(value for _, value in samples), abs=1e-3
    )
    assert min(point.low for point in points) == min(value for _, value in samples)
    assert max(point.high for point in points) == max(value for _, value in samples)
    assert [point.at for point in points] == sorted({point.at for point in points})
    history.close()


def test_an_answer_never_has_more_points_than_its_bound(history: History, clock: Clock) -> None:
    watch(history, clock, [1.0] * 300, every=60)
    line = history.series("p95_ms", since=0, step=0.001)
    assert 0 < len(line.points) <= MAX_POINTS
    assert line.step_s >= (clock.wall / MAX_POINTS)


def test_old_times_are_answered_from_coarser_tiers(history: History, clock: Clock) -> None:
    watch(history, clock, [1.0, 2.0, 3.0], every=86_400)
    assert history.series("p95_ms", since=clock.wall - 3600, step=10).step_s == 10
    weeks = history.series("p95_ms", since=NOON - 20 * 86_400, step=10)
    assert weeks.step_s >= 3600
    assert [point.value for point in weeks.points] == [1, 2, 3]


def test_an_unknown_series_and_a_step_that_is_none_are_refused(history: History) -> None:
    with pytest.raises(UnknownSeries):
        history.series("nonsense", since=0)
    with pytest.raises(UnknownSeries):
        history.append(0, {"nonsense": 1.0})
    for step in (0, -1, math.nan):
        with pytest.raises(BadStep):
            history.series("p95_ms", since=0, step=step)


# --- Bounds and clocks ---


def test_every_tier_keeps_its_newest_rows_only(
    history: History, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "TIERS", (Tier(10, 20), Tier(60, 5)))
    monkeypatch.setattr(history_module, "_PRUNE_EVERY", 2)
    watch(history, clock, [float(number) for number in range(200)], every=10)
    history.flush()
    rows = history._opened.connection.execute("select step, count(*) from points group by 1").fetchall()
    kept = dict(rows)
    assert kept[10] <= 22
    assert kept[60] <= 7
    assert history.series("p95_ms", since=clock.wall - 100, step=10).points[-1].value == 199


def test_a_clock_that_ran_ahead_for_a_while_costs_no_history_and_shows_no_future(
    history: History, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "TIERS", (Tier(10, 50),))
    monkeypatch.setattr(history_module, "_PRUNE_EVERY", 1)
    watch(history, clock, [1.0] * 20, every=10)
    clock.wall += 10 * 365 * 86_400
    watch(history, clock, [2.0] * 25, every=10)
    clock.wall -= 10 * 365 * 86_400
    seen = {point.value for point in history.series("p95_ms", since=NOON - 60, step=10).points}
    assert seen == {1.0}
    watch(history, clock, [3.0] * 60, every=10)
    values = [point.value for point in history.series("p95_ms", since=NOON - 60, step=10).points]
    assert set(values) == {3.0}
    assert len(values) == 50
    rows = history._opened.connection.execute("select count(*) from points").fetchone()[0]
    assert rows <= 100


def test_all_tiers_full_stay_below_the_files_bound() -> None:
    from monitor.store.opening import MAX_BYTES

    assert 70 * 2 * len(SERIES) * sum(tier.rows for tier in TIERS) < MAX_BYTES
    assert [tier.step_s for tier in TIERS] == sorted(tier.step_s for tier in TIERS)
    assert all(wide.step_s % fine.step_s == 0 for fine, wide in itertools.pairwise(TIERS))
    assert tiers.DEFAULT_POINTS < MAX_POINTS


def test_transitions_are_remembered_and_bounded(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "_MAX_TRANSITIONS", 10)
    for number in range(30):
        history.note(Transition(NOON + number, "light", "green", "yellow", f"{number}"))
    found = history.transitions(since=0)
    assert [change.reason for change in found] == [str(number) for number in range(20, 30)]
    assert history.transitions(since=0, kind="decision") == ()


# --- The file ---


def test_history_and_memory_survive_a_restart(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "deep" / "shop.history"
    first = on_disk(path, clock)
    watch(first, clock, [100.0, 200.0], every=10)
    first.remember("alerts", '{"a": 1}')
    first.close()
    second = on_disk(path, clock)
    watch(second, clock, [300.0], every=10)
    assert [point.value for point in second.series("p95_ms", since=NOON, step=10).points] == [100, 200, 300]
    assert second.recall("alerts") == '{"a": 1}'
    assert second.recall("nothing") is None
    second.close()


def test_a_second_writer_is_refused_and_told_what_to_do(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "shop.history"
    first = on_disk(path, clock)
    with pytest.raises(StoreInUse) as refused:
        open_store(path)
    assert "--store" in refused.value.next_step
    first.close()
    on_disk(path, clock).close()


def test_a_reader_sees_a_store_in_use(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "shop.history"
    writer = on_disk(path, clock)
    watch(writer, clock, [1.0])
    writer.flush()
    with reading(path) as connection:
        assert connection.execute("select count(*) from points").fetchone()[0] == len(TIERS)
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("delete from points")
    writer.close()
    with pytest.raises(NoStore), reading(tmp_path / "missing"):
        pass


@pytest.mark.parametrize("damage", ["header", "middle", "empty"])
def test_a_damaged_store_is_set_aside_and_begun_again(tmp_path: Path, clock: Clock, damage: str) -> None:
    path = tmp_path / "shop.history"
    first = on_disk(path, clock)
    watch(first, clock, [float(number) for number in range(2000)], every=10)
    first.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:64] = b"garbage " * 8
    elif damage == "middle":
        content[4096 * 2 :] = b"\xff" * (len(content) - 4096 * 2)
    else:
        content = bytearray()
    path.write_bytes(content)
    second = on_disk(path, clock)
    watch(second, clock, [5.0], every=10)
    assert [point.value for point in second.series("p95_ms", since=NOON, step=10).points] == [5]
    if damage == "empty":
        assert second.set_aside is None
    else:
        assert second.set_aside is not None
        assert second.set_aside.read_bytes() == bytes(content)
    second.close()


def test_damage_while_it_is_open_does_not_stop_the_watching(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "shop.history"
    history = on_disk(path, clock)
    watch(history, clock, [1.0] * 3, every=10)

    def fail(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    history._guarded(fail)
    watch(history, clock, [2.0] * 3, every=10)
    assert [point.value for point in history.series("p95_ms", since=NOON, step=10).points] == [2, 2, 2]
    assert history.failures == 1
    assert history.path == path
    assert len(list(tmp_path.glob("shop.history.damaged-*[0-9]"))) == 1
    history.close()


def test_a_full_disk_costs_points_and_nothing_else(tmp_path: Path, clock: Clock) -> None:
    history = on_disk(tmp_path / "shop.history", clock)
    watch(history, clock, [1.0] * 3, every=10)
    used = history._opened.connection.execute("pragma page_count").fetchone()[0]
    history._opened.connection.execute(f"pragma max_page_count = {used}")
    for number in range(500):
        watch(history, clock, [float(number)] * 2, every=10)
    assert history.failures > 0
    assert history.series("p95_ms", since=NOON, step=10).points[0].value == 1
    history.close()


def test_no_other_programs_database_is_ever_written_to(tmp_path: Path) -> None:
    path = tmp_path / "application.db"
    connection = sqlite3.connect(path)
    connection.execute("create table users (id)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NotAStore, match="not a store"):
        open_store(path)
    with pytest.raises(NotAStore):
        open_history(str(path), str(path))
    encrypted = tmp_path / "encrypted.db"
    encrypted.write_bytes(bytes(range(256)) * 32)
    with pytest.raises(NotAStore, match="not a store"):
        open_store(encrypted)
    assert path.read_bytes() == before
    assert encrypted.read_bytes() == bytes(range(256)) * 32


def test_the_watched_database_is_no_store_even_by_another_name(tmp_path: Path) -> None:
    watched = tmp_path / "shop.db"
    watched.touch()
    (tmp_path / "link").symlink_to(watched)
    with pytest.raises(NotAStore, match="watched"):
        open_history(str(tmp_path / "link"), str(watched))


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "shop.history"
    history = on_disk(path, clock)
    history._opened.connection.execute("pragma user_version = 99")
    history.close()
    with pytest.raises(NotAStore, match="newer"):
        open_store(path)


def test_the_default_store_tells_databases_apart_and_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one, other = default_store("a/shop.db"), default_store("b/shop.db")
    assert one != other
    assert one.parent == tmp_path / "outgrow"
    assert one == default_store(str(Path("a/shop.db").absolute()))
    url = default_store("postgresql://me:s3cret@db/shop")
    assert "shop" in url.name
    assert url == default_store("postgresql://me:changed@db/shop")
    assert default_store("host=db password=s3cret dbname=shop") == default_store(
        "host=db password=changed dbname=shop"
    )


def test_without_a_writable_default_folder_the_history_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    history = open_history(None, "shop.db")
    assert history.path is None
    assert "no history is kept on disk" in capsys.readouterr().err
    history.close()
