"""The audit's chain shows every edit made around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.promotion.audit import GENESIS, Entry, canonical, find_break, seal

details = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.none(), max_size=3)
words = st.text(max_size=12)


def chain(contents: list[tuple[str, str, str, dict[str, Any]]]) -> tuple[list[Entry], str]:
    entries: list[Entry] = []
    previous = GENESIS
    for number, (who, what, why, detail) in enumerate(contents, start=1):
        entry = Entry(number, "2026-01-01T00:00:00+00:00", "p1", who, what, why, detail, previous)
        entry = replace(entry, hash=seal(entry))
        entries.append(entry)
        previous = entry.hash
    return entries, previous


@given(st.lists(st.tuples(words, words, words, details), max_size=6))
def test_an_untouched_chain_is_whole(contents: list[tuple[str, str, str, dict[str, Any]]]) -> None:
    entries, head = chain(contents)
    assert find_break(entries, head) is None


@given(st.lists(st.tuples(words, words, words, details), min_size=1, max_size=6), st.data())
def test_any_changed_field_breaks_the_chain(
    contents: list[tuple[str, str, str, dict[str, Any]]], data: st.DataObject
) -> None:
    entries, head = chain(contents)
    place = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(["at", "promotion", "who", "what", "why", "previous", "hash"]))
    old = getattr(entries[place], field)
    entries[place] = replace(entries[place], **{field: data.draw(words.filter(lambda word: word != old))})
    assert find_break(entries, head) is not None


@given(st.lists(st.tuples(words, words, words, details), min_size=1, max_size=6), st.data())
def test_any_removed_entry_breaks_the_chain(
    contents: list[tuple[str, str, str, dict[str, Any]]], data: st.DataObject
) -> None:
    entries, head = chain(contents)
    del entries[data.draw(st.integers(0, len(entries) - 1))]
    assert find_break(entries, head) is not None


def test_two_exchanged_entries_break_the_chain() -> None:
    entries, head = chain([("a", "x", "", {}), ("b", "y", "", {})])
    assert find_break([entries[1], entries[0]], head) is not None


@given(details)
def test_the_order_of_keys_does_not_change_the_spelling(detail: dict[str, Any]) -> None:
    assert canonical(detail) == canonical(dict(reversed(detail.items())))


def test_an_empty_audit_is_whole_only_with_the_first_hash() -> None:
    assert find_break([], GENESIS) is None
    assert find_break([], "f" * 64) == "entries are missing at the end"


def test_a_detail_that_json_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError):
        canonical({"when": object()})
