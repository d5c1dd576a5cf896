from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.values.copy_text import copy_field, copy_line


def test_a_line_has_tabs_between_and_marks_for_null() -> None:
    assert copy_line([1, None, "a", True, 1.5]) == b"1\t\\N\ta\tt\t1.5\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\tb\nc\rd\\e", "a\\tb\\nc\\rd\\\\e"),
        ("\\N", "\\\\N"),
        ("\\.", "\\\\."),
        ("", ""),
        (b"\x00\xff", "\\\\x00ff"),
        (float("-inf"), "-inf"),
        (-0.0, "-0.0"),
        (Decimal("1.50"), "1.50"),
        (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02 03:04:05"),  # noqa: DTZ001  # as stored
        (date(2024, 1, 2), "2024-01-02"),
        (time(1, 2), "01:02:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_each_value_has_its_text(value: object, expected: str) -> None:
    assert copy_field(value) == expected


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="complex"):
        copy_field(1j)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_no_text_can_break_a_line_or_look_like_another_field(texts: list[str]) -> None:
    line = copy_line(texts)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.count(b"\t") == len(texts) - 1
    assert b"\r" not in line
