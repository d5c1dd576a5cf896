from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.schema.tokens import BadSqlError, Kind, quoted, tokenize

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def test_the_four_ways_to_quote_a_name_give_the_name() -> None:
    tokens = tokenize("""plain "dou""ble" [bra"cket] `back``tick` 'str''ing'""")
    assert [token.value for token in tokens] == ["plain", 'dou"ble', 'bra"cket', "back`tick", "str'ing"]
    assert [token.kind for token in tokens] == [Kind.WORD, Kind.NAME, Kind.NAME, Kind.NAME, Kind.STRING]


def test_comments_and_blanks_are_no_tokens() -> None:
    assert [t.value for t in tokenize("a -- one\n/* two\n * three */ b\t/* never closed")] == ["a", "b"]


def test_numbers_blobs_and_operators_are_told_apart() -> None:
    tokens = tokenize("1.5e-3 0xFF .5 x'00ff' a->>'$.b' || c<>d")
    assert [t.value for t in tokens] == [
        *("1.5e-3", "0xFF", ".5", "00ff", "a", "->>", "$.b", "||", "c", "<>", "d"),
    ]
    assert tokens[3].kind is Kind.BLOB


@pytest.mark.parametrize("sql", ["'open", 'a "open', "[open", "`open"])
def test_a_quote_that_never_ends_is_refused(sql: str) -> None:
    with pytest.raises(BadSqlError, match="never ends"):
        tokenize(sql)


@settings(max_examples=200, deadline=None)
@given(names)
def test_a_quoted_name_is_read_back_by_sqlite_and_by_the_tokenizer(name: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t ({quoted(name)})")
        assert [row[1] for row in connection.execute("PRAGMA table_info(t)")] == [name]
    (token,) = tokenize(quoted(name))
    assert token.value == name
    assert token.can_name
