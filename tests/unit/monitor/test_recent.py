"""Recent counts: as many as were pushed in exactly the time a window says, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.serve.counters import Counters, QueryCounts, RouteCounts
from monitor.serve.recent import COARSE_S, EXACT_S, FINE_S, MOST_COARSE, Recent

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = Counters(
    {"2xx": 1017},
    buckets={slot: (1 << 40) + slot for slot in range(1017)},
    queries=QueryCounts(1017, 1.0, 0, 0, {slot: (1 << 40) + slot for slot in range(1017)}),
)


def pushed(times: Sequence[float], longest_s: float = 3600) -> Recent:
    recent = Recent(longest_s)
    for time in times:
        recent.add(time, Counters({"2xx": 1}, latency_seconds=0.5))
    return recent


@pytest.mark.parametrize("longest_s", [300, 3600, 12 * 3600])
def test_slots_are_bounded_however_long_and_often_is_pushed(longest_s: float) -> None:
    recent, most = Recent(longest_s), EXACT_S / FINE_S + longest_s / COARSE_S + 4
    for second in range(int(1.2 * longest_s)):
        recent.add(second, Counters({"2xx": 1}))
        assert len(recent) <= min(most, EXACT_S / FINE_S + MOST_COARSE + 4)
    assert len(recent) > EXACT_S / FINE_S


def test_an_hour_of_hostile_latencies_holds_as_many_counts_as_six_minutes() -> None:
    recent = Recent(3600)
    for minute in range(90):
        for second in range(4):  # four a minute: what counts is that old slots are merged, not kept
            recent.add(60 * minute + 15 * second, HOSTILE)
    counted, _ = recent.window(89 * 60 + 45 - 3600)
    assert len(counted.buckets) == 1017
    assert len(recent) <= EXACT_S / 15 + 3600 / COARSE_S + 4


def test_the_usual_window_is_exact_after_hours() -> None:
    recent = pushed(range(7200))
    counted, begin = recent.window(7199 - EXACT_S)
    assert (counted.finished, begin) == (300, 7199 - EXACT_S)


def test_names_are_not_kept() -> None:
    recent = Recent(60)
    recent.add(1, Counters({"2xx": 1}, routes={"GET /": RouteCounts(1)}))
    assert recent.window(0)[0].routes == {}


@given(
    gaps=st.lists(st.floats(0.05, 200), min_size=1, max_size=200),
    seconds=st.floats(1, 3600),
)
def test_a_window_holds_exactly_what_was_pushed_since_it_begins(gaps: list[float], seconds: float) -> None:
    """The begin it states may be up to a merged slot late, and what it counts is what came after that."""
    times, now = [], 0.0
    for gap in gaps:
        now += gap
        times.append(now)
    asked = now - seconds
    counted, begin = pushed(times).window(asked)
    assert asked <= begin <= asked + COARSE_S + FINE_S
    exact = sum(time > begin for time in times)
    # Pushes within one second share a slot, so the first second of a window is not told apart.
    first = sum(begin < time <= begin + FINE_S for time in times)
    assert exact - first <= counted.finished <= exact
    assert counted.latency_seconds == pytest.approx(0.5 * counted.finished)


def test_what_lies_beyond_the_longest_window_is_forgotten() -> None:
    recent = pushed([0, 1, 2, 4000, 8000])
    assert recent.window(-1)[0].finished == 1
