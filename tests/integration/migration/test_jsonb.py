"""The text of jsonb, written without PostgreSQL, is the text that PostgreSQL writes."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.values.observers import is_inet, is_jsonb
from migration.verification.jsonb_text import jsonb_text

_TEXTS = st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
_ODD = [
    '{"b": 1, "aa": 2, "a": 3, "a": 4, "é": 5}',
    "[1.50, 1e3, 1E-5, -0, -0.0, 1.5e1, 100e-2, 12345678901234567890.5]",
    r'"\u00e9\ud834\udd1e\n\u0001\u007f\"\\\/"',
    " { } ",
    "[]",
]


@given(st.lists(_DOCUMENTS, min_size=1, max_size=20), st.booleans())
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_jsonb_is_written_as_postgresql_writes_it(
    database: str, documents: list[Any], ascii_only: bool
) -> None:
    texts = [json.dumps(document, ensure_ascii=ascii_only) for document in documents] + _ODD
    with psycopg.connect(database) as connection:
        shown = connection.execute(
            "SELECT t::jsonb::text FROM unnest(%s::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n", [texts]
        ).fetchall()
    assert [jsonb_text(text, None) for text in texts] == [row[0] for row in shown]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (r'"\u0000"', False),
        (r'"\\u0000"', True),
        (r'{"a\u0000": 1}', False),
        (r'"\ud800"', False),
        (r'"\ud834\udd1e"', True),
        ('"hash 9e1234567"', True),
        ("1e99999", True),
        ("1e999999", False),
        ("1e-99999", False),
    ],
)
def test_what_jsonb_cannot_hold_is_known_before(database: str, text: str, stored: bool) -> None:
    assert is_jsonb(text) is stored
    with psycopg.connect(database) as connection:
        try:
            same = connection.execute("SELECT %s::jsonb <> '0'", [text]).fetchone() == (True,)
        except psycopg.DataError:
            same = False
    assert same is stored


@pytest.mark.parametrize(
    ("text", "address"),
    [("192.0.2.7", True), ("2001:db8::1", True), ("fe80::1%eth0", False), ("10.0.0.0/8", False), ("", False)],
)
def test_an_address_is_no_network(text: str, address: bool) -> None:
    assert is_inet(text) is address
