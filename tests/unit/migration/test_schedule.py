"""Which step may begin while others are at work."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from migration.running.schedule import CONFLICTS, Schedule
from migration.running.steps import Step

if TYPE_CHECKING:
    from migration.running.steps import LockMode


def step(number: int, *, alone: bool = False, needs: set[int] | None = None, **locks: LockMode) -> Step:
    return Step(
        str(number),
        "build",
        str(number),
        needs=frozenset(map(str, needs or ())),
        alone=alone,
        locks=tuple(locks.items()),
    )


def names(*steps: Step | None) -> list[str | None]:
    return [item.id if item else None for item in steps]


def test_locks_conflict_in_both_directions() -> None:
    assert all(mode in CONFLICTS[other] for mode, others in CONFLICTS.items() for other in others)


def test_two_indexes_of_one_table_are_built_at_the_same_time_but_a_key_waits() -> None:
    index, other, key = step(1, t="share"), step(2, t="share"), step(3, t="access exclusive")
    schedule = Schedule([index, other, key])
    assert names(schedule.take(), schedule.take(), schedule.take()) == ["1", "2", None]
    schedule.end(index)
    assert schedule.take() is None
    schedule.end(other)
    assert schedule.take() is key


def test_a_table_is_read_while_a_foreign_key_is_made_over_it() -> None:
    schedule = Schedule(
        [
            step(1, child="share row exclusive", parent="share row exclusive"),
            step(2, parent="access share"),
        ]
    )
    assert names(schedule.take(), schedule.take()) == ["1", "2"]


def test_a_step_begins_only_after_those_it_needs() -> None:
    first, second = step(1), step(2, needs={1})
    schedule = Schedule([first, second])
    assert names(schedule.take(), schedule.take()) == ["1", None]
    schedule.end(first)
    assert schedule.take() is second


def test_a_lonely_step_waits_for_all_before_it_and_holds_up_all_behind_it() -> None:
    first, alone, last = step(1), step(2, alone=True), step(3)
    schedule = Schedule([first, alone, last])
    assert names(schedule.take(), schedule.take()) == ["1", None]
    schedule.end(first)
    assert names(schedule.take(), schedule.take()) == ["2", None]
    schedule.end(alone)
    assert schedule.take() is last


def test_a_step_that_waits_for_a_lock_is_not_overtaken_for_ever() -> None:
    reader, key, other = step(1, t="access share"), step(2, t="access exclusive"), step(3, t="access share")
    schedule = Schedule([reader, key, other])
    assert names(schedule.take(), schedule.take()) == ["1", None]


def test_what_an_earlier_run_has_ended_is_not_taken_again() -> None:
    schedule = Schedule([step(1, alone=True), step(2, needs={1})], ended={"1"})
    assert names(schedule.take(), schedule.take()) == ["2", None]


@st.composite
def any_steps(draw: st.DrawFn) -> list[Step]:
    count = draw(st.integers(1, 12))
    return [
        step(
            number,
            alone=draw(st.integers(0, 5)) == 0,
            needs=draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else set(),
            **draw(st.dictionaries(st.sampled_from("abc"), st.sampled_from(sorted(CONFLICTS)), max_size=2)),
        )
        for number in range(count)
    ]


@given(steps=any_steps(), lanes=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_every_step_is_carried_out_once_in_an_order_that_all_allow(
    steps: list[Step], lanes: int, seed: int
) -> None:
    chance = random.Random(seed)
    schedule = Schedule(steps)
    busy: list[Step] = []
    ended: list[str] = []
    while not schedule.finished:
        while len(busy) < lanes and (taken := schedule.take()) is not None:
            assert taken.needs <= set(ended)
            before = {item.id for item in steps[: steps.index(taken)]}
            assert not taken.alone or (before <= set(ended) and not busy)
            held = [lock for item in busy for lock in item.locks]
            assert not any(
                table == other and mode in CONFLICTS[wanted]
                for table, mode in held
                for other, wanted in taken.locks
            )
            busy.append(taken)
        assert busy, "nothing is at work and nothing may begin"
        done = busy.pop(chance.randrange(len(busy)))
        schedule.end(done)
        ended.append(done.id)
    assert sorted(ended) == sorted(item.id for item in steps)


def test_a_foreign_key_is_validated_beside_the_indexes_of_its_parent_and_of_other_children() -> None:
    schedule = Schedule(
        [
            step(1, parent="row share", child="share update exclusive"),
            step(2, parent="row share", other="share update exclusive"),
            step(3, parent="share"),
            step(4, child="share"),
        ]
    )
    assert names(*(schedule.take() for _ in range(4))) == ["1", "2", "3", None]
