"""Each observer reads one column's values, batch after batch, and counts what SQL could not tell."""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol

from migration.values.facts import DecimalFacts, TemporalFacts, TextFacts
from migration.values.jsonb_blob import jsonb_blob_text
from migration.values.temporal import (
    TO_SHAPE,
    classify,
    is_zero_date,
    parse_datetime,
    parse_time,
    rolls_over,
)

if TYPE_CHECKING:
    from migration.native.profiling import Counted

#: Texts arrive as bytes in the file's encoding; None stands for everything that is no text.
Texts = Sequence[bytes | None]

_FRACTION = re.compile(r"\.(0+)")
#: What may be a number beyond PostgreSQL's numeric, or a part of some text.
_HUGE_NUMBER = re.compile(r"\d[eE][+-]?\d{5}|\d{10000}")
_ZERO_OFFSETS = ("Z", "+00:00", "+0000", "+00", "-00:00", "-0000", "-00")
#: The texts that mean a boolean, whatever their case.
BOOLEAN_TEXTS = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}
#: And those that do so if the user says it.
BOOLEAN_WORDS = {"yes": True, "no": False, "y": True, "n": False, "on": True, "off": False}


class Observer(Protocol):
    """Something that is shown every value of one column."""

    def see(self, values: Sequence[Any]) -> None:
        """Look at the next values."""


class TextObserver:
    """Counts the texts that PostgreSQL cannot store, and hands the others to `look` as str."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._between = "\n".encode(codec)
        self.with_nul = 0
        self.invalid = 0

    @property
    def text(self) -> TextFacts:
        return TextFacts(self.with_nul, self.invalid)

    def see(self, values: Texts) -> None:
        """Decode a batch in one go if it can be.

        An ASCII character between two texts keeps halves of characters from forming a whole one, so the batch
        is valid exactly if its parts are.
        """
        present = [value for value in values if value is not None]
        try:
            joined = self._between.join(present).decode(self._codec)
        except UnicodeDecodeError:
            self._one_by_one(present)
            return
        if "\0" in joined:
            self._one_by_one(present)
        elif present:
            texts = joined.split("\n")
            self.look(
                texts if len(texts) == len(present) else [value.decode(self._codec) for value in present]
            )

    def _one_by_one(self, values: Sequence[bytes]) -> None:
        texts = []
        for value in values:
            try:
                texts.append(value.decode(self._codec))
            except UnicodeDecodeError:
                self.invalid += 1
                texts.append(value.decode(self._codec, "replace"))
            self.with_nul += "\0" in texts[-1]
        self.look(texts)

    def look(self, texts: list[str]) -> None:
        """For observers that care what the texts say."""


class TemporalObserver(TextObserver):
    """Reads every text as a date, a date and time, or a time of day."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self._kinds: Counter[str] = Counter()
        self._offsets = self._unreadable = self._blank = self._zeros = self._rolled = 0
        self._example: str | None = None
        self._digits = 0

    @property
    def facts(self) -> TemporalFacts:
        return TemporalFacts(
            self._kinds["date"],
            self._kinds["datetime"],
            self._kinds["zoned"],
            self._offsets,
            self._kinds["time"],
            self._unreadable,
            self._blank,
            self._example,
            self._digits,
            zero_dates=self._zeros,
            rolled=self._rolled,
        )

    def add(self, found: Counted) -> None:
        """Take over what C has counted: texts of the ordinary shapes."""
        zoned = found.utc + found.offsets
        self._kinds.update(date=found.dates, datetime=found.datetimes, zoned=zoned, time=found.times)
        self._offsets += found.offsets
        self._digits = max(self._digits, found.digits)

    def look(self, texts: list[str]) -> None:
        """Take the whole batch at once where one shape fits all of it and nothing is out of range."""
        shapes = set("\n".join(texts).translate(TO_SHAPE).split("\n"))
        shape = shapes.pop() if len(shapes) == 1 else ""
        kind = classify(shape)
        self._digits = max(
            [self._digits, *(len(found) for each in (shapes | {shape}) for found in _FRACTION.findall(each))]
        )
        if kind in ("date", "datetime", "time"):
            parse: Callable[[str], object] = time.fromisoformat if kind == "time" else datetime.fromisoformat
            try:
                for _ in map(parse, texts):
                    pass
            except ValueError:
                pass
            else:
                self._kinds[kind] += len(texts)
                return
        for text in texts:
            self._read(text)

    def _read(self, text: str) -> None:
        kind = classify(text.translate(TO_SHAPE))
        try:
            if kind == "time":
                parse_time(text)
            elif kind is not None:
                zone = parse_datetime(text).utcoffset()
                self._offsets += bool(zone) and zone != timedelta(0)
        except ValueError:
            kind = None
        if kind is not None:
            self._kinds[kind] += 1
            self._rolled += kind in ("datetime", "zoned") and rolls_over(text)
            return
        self._unreadable += 1
        self._blank += text == ""
        self._zeros += is_zero_date(text)
        if self._example is None:
            self._example = text


class BooleanObserver(TextObserver):
    """Counts the texts that mean true or false."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.found = 0
        self.words = 0

    def look(self, texts: list[str]) -> None:
        for text in texts:
            self.found += text.lower() in BOOLEAN_TEXTS
            self.words += text.lower() in BOOLEAN_WORDS


class JsonObserver(TextObserver):
    """Counts JSON as PostgreSQL's json type reads it, and what of it jsonb takes as well."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.found = 0
        self.binary = 0

    def look(self, texts: list[str]) -> None:
        for text in texts:
            if is_json(text):
                self.found += 1
                self.binary += is_jsonb(text)


class JsonBlobObserver:
    """Counts the blobs that are SQLite's binary JSON, if PostgreSQL's json takes what they stand for."""

    def __init__(self) -> None:
        self.found = 0

    def see(self, values: Sequence[bytes | None]) -> None:
        for value in values:
            if value is not None:
                with suppress(ValueError):
                    self.found += is_json(jsonb_blob_text(value))


class InetObserver(TextObserver):
    """Counts IP addresses."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.found = 0

    def look(self, texts: list[str]) -> None:
        self.found += sum(map(is_inet, texts))


class ListObserver(TextObserver):
    """Counts the texts that are on a list."""

    def __init__(self, codec: str, labels: Sequence[str]) -> None:
        super().__init__(codec)
        self._labels = frozenset(labels)
        self.found = 0

    def look(self, texts: list[str]) -> None:
        self.found += sum(text in self._labels for text in texts)


class SingleObserver:
    """Counts the reals that are read back from four bytes as the same shortest decimal."""

    def __init__(self) -> None:
        self.found = 0

    def see(self, values: Sequence[float | None]) -> None:
        self.found += sum(value is not None and is_single(value) for value in values)


class DecimalObserver:
    """Looks at reals that do not equal their value rounded to the declared digits."""

    def __init__(self, scale: int) -> None:
        self._scale = scale
        self._beyond = self._noisy = 0

    def facts(self, largest: float) -> DecimalFacts:
        return DecimalFacts(self._beyond, self._noisy, largest)

    def see(self, values: Sequence[float | None]) -> None:
        for value in values:
            if value is None:
                continue
            rounded = float(f"{value:.{self._scale}f}")
            if rounded == value:
                continue
            if f"{rounded:.15g}" == f"{value:.15g}":
                self._noisy += 1
            else:
                self._beyond += 1


_SINGLE = struct.Struct("f")


def is_single(value: float) -> bool:
    """Whether PostgreSQL shows this number alike as real and as double precision."""
    try:
        (single,) = _SINGLE.unpack(_SINGLE.pack(value))
    except OverflowError:
        return False
    for digits in range(6, 10):
        shortest = float(f"{single:.{digits}g}")
        if _SINGLE.pack(shortest) == _SINGLE.pack(value):
            return shortest == value
    return False


def is_json(text: str) -> bool:
    r"""Strict JSON: Python's parser without its NaN and Infinity.

    Escaped surrogates and \u0000 are kept as text by PostgreSQL's json, so they do not matter here.
    """
    try:
        json.loads(text, parse_constant=_refuse, parse_int=_keep, parse_float=_keep)
    except (ValueError, RecursionError):
        return False
    return True


def is_jsonb(text: str) -> bool:
    r"""Whether jsonb takes a text that is JSON: no \u0000, no half of a surrogate pair, no 1e999999."""
    if "\\u" in text:
        try:
            whole = json.dumps(json.loads(text), ensure_ascii=False).encode()
        except (UnicodeEncodeError, ValueError, RecursionError):
            return False
        if b"\\u0000" in whole and "\0" in _strings(json.loads(text)):
            return False
    if _HUGE_NUMBER.search(text):
        try:
            json.loads(text, parse_int=_numeric, parse_float=_numeric)
        except (ValueError, ArithmeticError):
            return False
    return True


def _strings(value: Any) -> str:
    """All texts in a document, one after the other."""
    if isinstance(value, dict):
        return "".join(key + _strings(item) for key, item in value.items())
    if isinstance(value, list):
        return "".join(map(_strings, value))
    return value if isinstance(value, str) else ""


def is_inet(text: str) -> bool:
    """An address as PostgreSQL's inet reads it: no network, and no zone behind %."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _numeric(text: str) -> None:
    """Refuse what numeric cannot hold: it has 131,072 digits before the point and 16,383 behind it."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if number.adjusted() >= 131_072 or not isinstance(exponent, int) or exponent < -16_383:
        raise ValueError(text)


def _keep(number: str) -> str:
    return number
