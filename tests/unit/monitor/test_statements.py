"""SQL without its literals: the vectors of both languages, and that nothing of a value stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.middleware import statements
from monitor.middleware.statements import LONGEST, without_literals

VECTORS: Any = json.loads(
    (Path(statements.__file__).parent / "vectors.json").read_text(encoding="utf-8"),
)


@pytest.mark.parametrize("case", VECTORS["statements"]["cases"], ids=lambda case: case["sql"][:30])
def test_each_statement_of_the_vectors_is_written_as_pinned(case: dict[str, str]) -> None:
    assert without_literals(case["sql"]) == case["written"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(0, 10**12))
def test_p16_no_string_and_no_number_of_a_statement_is_kept(text: str, number: int) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    sql = f"SELECT a FROM t WHERE b = {quoted} AND c = {number} -- {text.splitlines()[0] if text else ''}"
    assert without_literals(sql) == "SELECT a FROM t WHERE b = ? AND c = ?"


@given(st.text())
def test_any_text_is_taken_and_what_was_written_stays_as_it_is(text: str) -> None:
    written = without_literals(text)
    assert len(written) <= LONGEST
    assert without_literals(written) == written


def test_a_long_statement_is_cut_and_a_literal_that_is_cut_is_none() -> None:
    assert without_literals("SELECT " + "a, " * 3000 + "b").endswith("…")
    assert without_literals("SELECT '" + "secret " * 10_000) == "SELECT ?"
