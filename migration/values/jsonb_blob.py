"""Reads SQLite's binary JSON, which PostgreSQL does not know, as the JSON text that it stands for.

The format is sqlite.org/jsonb.html: every element has a header byte, with the type in its low half and the
size of the payload in its high half or, from 12 on, in the 1, 2, 4 or 8 bytes behind it. SQLite itself reads
it from 3.45 on only.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SIZES = {12: 1, 13: 2, 14: 4, 15: 8}
_DEEPEST = 500
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ESCAPES_5 = {"'": "'", "v": "\v", "0": "\0", "\n": "", "\r": "", "\r\n": "", "\u2028": "", "\u2029": ""}
_ESCAPED_5 = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL)


def jsonb_blob_text(blob: bytes) -> str:
    """The JSON text of a JSONB blob.

    Raises:
        ValueError: no JSONB, or more than one element.
    """
    text, end = _element(blob, 0, len(blob), 0)
    if end != len(blob):
        raise ValueError("bytes behind the end of the JSONB")
    return text


def is_jsonb_blob(blob: bytes) -> bool:
    """Whether a blob is JSONB from its first byte to its last."""
    try:
        jsonb_blob_text(blob)
    except ValueError:
        return False
    return True


def _element(blob: bytes, start: int, end: int, depth: int) -> tuple[str, int]:
    """One element's text, and where it ends; `end` is where its container does."""
    if start >= end or depth > _DEEPEST:
        raise ValueError("cut off, or nested too deep")
    kind, size = blob[start] & 15, blob[start] >> 4
    begin = start + 1
    if size in _SIZES:
        width = _SIZES[size]
        size = int.from_bytes(blob[begin : begin + width], "big")
        begin += width
    stop = begin + size
    if stop > end:
        raise ValueError("cut off")
    if kind in (11, 12):
        return _container(blob, begin, stop, depth, is_object=kind == 12), stop
    if kind not in _SCALARS:
        raise ValueError("no such element")
    return _SCALARS[kind](blob[begin:stop].decode()), stop


def _container(blob: bytes, begin: int, stop: int, depth: int, *, is_object: bool) -> str:
    items: list[str] = []
    while begin < stop:
        if is_object and len(items) % 2 == 0 and blob[begin] & 15 not in (7, 8, 9, 10):
            raise ValueError("a key that is no text")
        text, begin = _element(blob, begin, stop, depth + 1)
        items.append(text)
    if not is_object:
        return f"[{','.join(items)}]"
    if len(items) % 2:
        raise ValueError("a key without a value")
    pairs = zip(items[::2], items[1::2], strict=True)
    return "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"


def _word(word: str) -> Callable[[str], str]:
    def read(payload: str) -> str:
        if payload:
            raise ValueError(f"{word} with a payload")
        return word

    return read


def _number(payload: str) -> str:
    if _NUMBER.fullmatch(payload) is None:
        raise ValueError("no JSON number")
    return payload


def _integer_5(payload: str) -> str:
    """JSON5's hexadecimal integer."""
    return str(int(payload, 16))


def _real_5(payload: str) -> str:
    """JSON5 lets out the digits on one side of the point, and has an infinity."""
    sign, digits = ("-", payload[1:]) if payload.startswith("-") else ("", payload.removeprefix("+"))
    if digits.lower().startswith("inf"):
        return f"{sign}9e999"  # as SQLite writes it
    if digits.startswith("."):
        digits = "0" + digits
    return _number(sign + re.sub(r"\.(?=$|[eE])", ".0", digits))


def _plain(payload: str) -> str:
    """Text that needs no escape, in SQLite's opinion."""
    return _escaped(f'"{payload}"')


def _escaped(quoted: str) -> str:
    if not isinstance(json.loads(quoted), str):
        raise ValueError("no text")  # noqa: TRY004  # it is the content that is wrong
    return quoted


def _text_5(payload: str) -> str:
    """Text with JSON5's escapes."""

    def plain(found: re.Match[str]) -> str:
        if found[1]:
            return json.dumps(chr(int(found[1], 16)))[1:-1]
        known = _ESCAPES_5.get(found[2])
        return found[0] if known is None else json.dumps(known)[1:-1]

    return _escaped('"' + _ESCAPED_5.sub(plain, payload).replace("\t", "\\t") + '"')


def _raw(payload: str) -> str:
    return json.dumps(payload, ensure_ascii=False)


_SCALARS: dict[int, Callable[[str], str]] = {
    0: _word("null"),
    1: _word("true"),
    2: _word("false"),
    3: _number,
    4: _integer_5,
    5: _number,
    6: _real_5,
    7: _plain,
    8: lambda payload: _escaped(f'"{payload}"'),
    9: _text_5,
    10: _raw,
}
