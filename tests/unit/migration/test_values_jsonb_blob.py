"""SQLite's binary JSON, read byte by byte as sqlite.org/jsonb.html has it."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.values.jsonb_blob import is_jsonb_blob, jsonb_blob_text

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def element(kind: int, payload: bytes) -> bytes:
    """An element with the shortest header that holds its size."""
    size = len(payload)
    if size < 12:
        return bytes((size << 4 | kind,)) + payload
    for code, form in ((12, ">B"), (13, ">H"), (14, ">I")):
        if size < 256 ** struct.calcsize(form):
            return bytes((code << 4 | kind,)) + struct.pack(form, size) + payload
    raise ValueError


def written(value: Any) -> bytes:
    """A document as SQLite's jsonb() writes it."""
    if value is None or isinstance(value, bool):
        return element({None: 0, True: 1, False: 2}[value], b"")
    if isinstance(value, int):
        return element(3, str(value).encode())
    if isinstance(value, float):
        return element(5, repr(value).encode())
    if isinstance(value, str):
        return element(10, value.encode())
    if isinstance(value, list):
        return element(11, b"".join(map(written, value)))
    return element(12, b"".join(written(key) + written(item) for key, item in value.items()))


@given(documents)
def test_every_document_comes_back(document: Any) -> None:
    assert json.loads(jsonb_blob_text(written(document))) == document


@pytest.mark.parametrize(
    ("blob", "text"),
    [
        ("4c17611331", '{"a":1}'),  # {"a":1}, as sqlite.org's own example has it
        ("0b", "[]"),
        ("44" + b"0x1F".hex(), "31"),
        ("26" + b".5".hex(), "0.5"),
        ("26" + b"5.".hex(), "5.0"),
        ("38" + rb"a\n".hex(), r'"a\n"'),
        ("39" + rb"\'x".hex(), '"\'x"'),
        ("49" + rb"\x41".hex(), '"A"'),
        ("2a" + b'"\n'.hex(), r'"\"\n"'),
    ],
)
def test_each_kind_of_element_is_read(blob: str, text: str) -> None:
    assert jsonb_blob_text(bytes.fromhex(blob)) == text


@pytest.mark.parametrize(
    "blob",
    ["", "4c176113", "4c1761133131", "0d", "13", "2361", "1c13", "2c1331", "1761ff", "10", "c3", "27ff22"],
)
def test_what_is_no_binary_json_is_refused(blob: str) -> None:
    assert not is_jsonb_blob(bytes.fromhex(blob))
