"""How a file finds its place in an application's schema: names, bookkeeping, order, and types."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.schema.options import PlanOptions
from migration.schema.target import PostgresType
from migration.target_first.bookkeeping import treatment
from migration.target_first.existing import ExistingForeignKey, ExistingSchema, ExistingTable
from migration.target_first.matching import match_names, snake
from migration.target_first.set_aside import plan_set_aside
from migration.values.cast import caster, shortest_small


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        (["user"], ["user", "User"], {"user": "user"}),
        (["User"], ["user"], {"User": "user"}),
        (["orderLine"], ["order_line"], {"orderLine": "order_line"}),
        (["order_line"], ["OrderLine"], {"order_line": "OrderLine"}),
        (["HTTPLog"], ["http_log"], {"HTTPLog": "http_log"}),
        (["a", "A"], ["a", "A"], {"a": "a", "A": "A"}),
        (["a"], ["b"], {}),
    ],
)
def test_names_match_exactly_then_by_case_then_by_words(
    ours: list[str], theirs: list[str], found: dict[str, str]
) -> None:
    assert match_names(ours, theirs).found == found


def test_a_name_with_two_candidates_is_unclear_and_not_guessed() -> None:
    matches = match_names(["USER"], ["user", "User"])
    assert matches.found == {}
    assert matches.unclear == {"USER": ("user", "User")}


@given(st.lists(st.text(alphabet="abAB_", min_size=1, max_size=4), unique=True, max_size=6))
def test_equal_lists_of_names_match_themselves(names: list[str]) -> None:
    assert match_names(names, list(reversed(names))).found == {name: name for name in names}


def test_words_of_a_name_are_found_in_any_style() -> None:
    assert {snake(name) for name in ("orderLineID", "OrderLineID", "order_line_id")} == {"order_line_id"}


@pytest.mark.parametrize(
    ("table", "columns", "expected"),
    [
        ("django_migrations", ["id", "app", "name", "applied"], "keep"),
        ("django_content_type", ["id", "app_label", "model"], "replace"),
        ("migrations", ["id", "timestamp", "name"], "keep"),
        ("migrations", ["id", "bird", "from", "to"], None),  # an application's own
        ("user", ["id"], None),
    ],
)
def test_a_library_s_own_records_are_kept_or_replaced(
    table: str, columns: list[str], expected: str | None
) -> None:
    assert treatment(table, columns, [table, "django_migrations"]) == expected


def key(table: str, parent: str, definition: str = "FOREIGN KEY") -> ExistingForeignKey:
    return ExistingForeignKey(
        f"{table}_{parent}", table, ("x",), parent, ("id",), definition, validated=True, comment=None
    )


def schema(*keys: ExistingForeignKey) -> ExistingSchema:
    names = {name for found in keys for name in (found.table, found.parent)}
    tables = tuple(
        ExistingTable(name, (), owned=True, writable=True, occupied=False) for name in sorted(names)
    )
    return ExistingSchema("public", tables, keys, (), (), ())


def test_tables_are_loaded_parents_first_and_their_keys_stay() -> None:
    keys = [key("a", "b"), key("b", "c")]
    plan = plan_set_aside(
        schema(*keys), {"a": 1, "b": 1, "c": 1}, {(found.table, found.name): 0 for found in keys}
    )
    assert plan.order == ("c", "b", "a")
    assert plan.foreign_keys == ()


@pytest.mark.parametrize(
    ("aside", "rows", "orphans"),
    [
        (key("a", "a"), {"a": 1}, 0),  # refers to itself
        (key("a", "b"), {"a": 1, "b": 1}, 2),  # orphans
        (key("a", "b"), {"a": 1, "b": 1}, None),  # not known
        (key("a", "b"), {"a": 10**6, "b": 1}, 0),  # big: checked faster in one go
        (key("a", "b"), {"a": 1}, 0),  # its parent is not loaded
        (key("a", "b", "FOREIGN KEY DEFERRABLE INITIALLY DEFERRED"), {"a": 1, "b": 1}, 0),
    ],
)
def test_a_key_that_could_refuse_rows_is_set_aside(
    aside: ExistingForeignKey, rows: dict[str, int], orphans: int | None
) -> None:
    plan = plan_set_aside(schema(aside), rows, {(aside.table, aside.name): orphans})
    assert plan.foreign_keys == (aside,)


def test_of_a_circle_the_keys_are_set_aside_and_the_others_stay() -> None:
    keys = [key("a", "b"), key("b", "a"), key("c", "a")]
    plan = plan_set_aside(
        schema(*keys), {"a": 1, "b": 1, "c": 1}, {(found.table, found.name): 0 for found in keys}
    )
    assert {found.name for found in plan.foreign_keys} == {"a_b", "b_a"}
    assert plan.order.index("c") > plan.order.index("a")


def test_a_schema_comes_back_from_json_as_it_was() -> None:
    whole = schema(key("a", "b"))
    assert ExistingSchema.from_json(whole.to_json()) == whole
    assert replace(whole, views=("v",)) != whole


def cast(kind: PostgresType, value: object) -> object:
    return caster(kind, str, None, PlanOptions())(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (PostgresType("int2"), 32768),
        (PostgresType("int4"), "007"),
        (PostgresType("int4"), 1.5),
        (PostgresType("numeric", (10 << 16 | 2) + 4), "1.234"),
        (PostgresType("numeric", (4 << 16 | 2) + 4), 100),
        (PostgresType("float4"), 1 / 3),
        (PostgresType("float4"), 16777217),
        (PostgresType("bool"), 2),
        (PostgresType("varchar", 7), "abc "),  # PostgreSQL would cut the blank without a word
        (PostgresType("mood", labels=("sad",)), "Sad"),
        (PostgresType("timestamp", 3), "2024-01-02 03:04:05.678901"),
        (PostgresType("date"), "2024-01-02 00:00:01"),
        (PostgresType("interval"), 5),  # of what?
        (PostgresType("interval"), "5"),  # PostgreSQL would read seconds
        (PostgresType("jsonb"), '"\\ud800"'),
        (PostgresType("jsonb"), '"\\u0000"'),
        (PostgresType("jsonb"), "{'a': 1}"),
        (PostgresType("bit", 3), "01"),
        (PostgresType("_int4", element=PostgresType("int4")), "1,2"),
        (PostgresType("inet"), b"\x7f\x00\x00\x01"),
    ],
)
def test_what_a_type_would_change_is_refused(kind: PostgresType, value: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, ArithmeticError)):
        cast(kind, value)


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=0).map(int), st.integers(0, 5))
def test_six_digits_fit_into_four_bytes(digits: int, places: int) -> None:
    value = float(f"{digits // 10}e-{places}")
    assert shortest_small(value) == value
    assert cast(PostgresType("float4"), value) == value
