from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migration.schema.ddl import NAME_LIMIT, quote_identifier, quote_literal
from migration.schema.names import Namespace, column_names, fit, marked


def unheard(*_: str) -> None:
    pass


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=90)


@given(names)
def test_a_fitted_name_is_never_longer_than_postgresql_keeps(name: str) -> None:
    chosen = fit(name)
    assert 0 < len(chosen.encode()) <= NAME_LIMIT
    assert chosen == name or chosen == marked(name)


@given(st.lists(names, unique=True, max_size=20))
def test_names_stay_different_and_the_same_in_every_run(wanted: list[str]) -> None:
    first = column_names(wanted, unheard)
    assert len(set(first.values())) == len(wanted)
    assert first == column_names(wanted, unheard)


def test_long_names_that_begin_alike_are_told_apart() -> None:
    common = "x" * 70
    found = column_names([common + "a", common + "b"], unheard)
    assert found[common + "a"] != found[common + "b"]


def test_a_changed_name_is_reported_and_a_kept_one_is_not() -> None:
    reports: list[tuple[str, str, str]] = []
    found = column_names(
        ["xmin", "xMin", "ok"], lambda _kind, _seed, old, new, why: reports.append((old, new, why))
    )
    assert (found["xMin"], found["ok"]) == ("xMin", "ok")
    assert reports == [("xmin", found["xmin"], "taken")]


def test_an_invented_name_is_numbered_as_postgresql_does() -> None:
    namespace = Namespace(unheard)
    namespace.reserve(["t_check"])
    assert [namespace.invent("t", (), "check") for _ in range(2)] == ["t_check1", "t_check2"]
    assert namespace.invent("t", ("a", "b"), "fkey") == "t_a_b_fkey"


def test_names_and_texts_are_quoted_for_good() -> None:
    assert quote_identifier('we"ird') == '"we""ird"'
    assert quote_literal("it's") == "'it''s'"
    assert quote_literal("back\\slash'") == "E'back\\\\slash'''"
