"""The bytes that stand for a value's meaning, on the source's side."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.schema.options import PlanOptions
from migration.schema.source import Column
from migration.schema.target import Conversion, TargetColumn
from migration.verification.canonical import plain_digits, row_encoder
from migration.verification.catalog import CatalogColumn

BASES = {
    "bigint": "int8",
    "double precision": "float8",
    "numeric": "numeric",
    "numeric(10,2)": "numeric",
    "text": "text",
    "bytea": "bytea",
    "boolean": "bool",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "date": "date",
    "time without time zone": "time",
    "uuid": "uuid",
}
NOT_MEANT = b"\x02"


def canonical(
    kind: str, value: object, *, epoch: str | None = None, codec: str | None = None, **policies: str
) -> bytes:
    planned = TargetColumn(
        "c",
        Column("c", "", not_null=False),
        kind,
        Conversion.TEXT,
        not_null=False,
        epoch=epoch,  # type: ignore[arg-type]
        raw_codec=codec,
        scale=2 if kind == "numeric(10,2)" else None,
    )
    actual = CatalogColumn("c", kind, BASES[kind], "b", False, False, False, False)
    encode = row_encoder([(planned, actual)], PlanOptions(**policies))  # type: ignore[arg-type]
    return encode((bytearray(value.encode()) if isinstance(value, str) else value,))[0]


def number(value: int) -> bytes:
    return b"\x01" + value.to_bytes(8, "big", signed=True)


def sized(content: bytes) -> bytes:
    return b"\x01" + len(content).to_bytes(4, "big") + content


def microseconds(moment: datetime) -> int:
    return (moment - datetime.fromisoformat("2000-01-01")) // timedelta(microseconds=1)


@pytest.mark.parametrize("kind", BASES)
def test_null_is_one_zero_byte_for_every_type(kind: str) -> None:
    assert canonical(kind, None) == b"\x00"


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_eight_bytes(value: int) -> None:
    assert canonical("bigint", value) == number(value)


@given(st.floats(allow_nan=False))
def test_reals_are_their_bits(value: float) -> None:
    assert canonical("double precision", value) == b"\x01" + struct.pack(">d", value)


def test_negative_zero_differs_from_zero_as_a_real_and_not_as_a_decimal() -> None:
    assert canonical("double precision", -0.0) != canonical("double precision", 0.0)
    assert canonical("numeric", -0.0) == canonical("numeric", 0) == sized(b"0")


@pytest.mark.parametrize(
    ("kind", "value", "digits"),
    [
        ("numeric", 5.50, "5.5"),
        ("numeric", 100, "100"),
        ("numeric", 1e22, "1" + "0" * 22),
        ("numeric", 5e-324, "0." + "0" * 323 + "5"),
        ("numeric(10,2)", 19.99, "19.99"),
        ("numeric(10,2)", 19.990000000000002, "19.99"),
        ("numeric(10,2)", 7, "7"),
        ("numeric", float("inf"), "Infinity"),
    ],
)
def test_decimals_are_their_digits(kind: str, value: float, digits: str) -> None:
    assert canonical(kind, value) == sized(digits.encode())


def test_a_decimal_that_would_lose_digits_is_not_meant() -> None:
    assert canonical("numeric(10,2)", 19.994).startswith(NOT_MEANT)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_plain_digits_read_back_as_the_same_number(value: Decimal) -> None:
    text = plain_digits(value)
    assert Decimal(text) == value
    assert "E" not in text
    assert not (text.endswith("0") and "." in text)


@given(st.datetimes())
def test_timestamps_are_microseconds(moment: datetime) -> None:
    for text in (moment.isoformat(" "), moment.isoformat("T")):
        assert canonical("timestamp without time zone", text) == number(microseconds(moment))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-01-02 03:04:05", "2024-01-02 03:04:05"),
        ("2024-01-02T03:04:05Z", "2024-01-02 03:04:05"),
        ("2024-01-02T03:04:05.678+02:00", "2024-01-02 01:04:05.678"),
        ("2024-01-02 03:04 -0530", "2024-01-02 08:34:00"),
        ("2024-01-02", "2024-01-02 00:00:00"),
        ("2024-01-02 00:30+01", "2024-01-01 23:30:00"),
    ],
)
def test_instants_are_microseconds_of_utc(text: str, utc: str) -> None:
    assert canonical("timestamp with time zone", text) == number(microseconds(datetime.fromisoformat(utc)))


@pytest.mark.parametrize(
    ("unit", "value"), [("s", 1704164645), ("ms", 1704164645000), ("us", 1704164645000000)]
)
def test_integers_since_1970_are_instants_in_the_planned_unit(unit: str, value: int) -> None:
    instant = datetime.fromtimestamp(1704164645, UTC).replace(tzinfo=None)
    assert canonical("timestamp with time zone", value, epoch=unit) == number(microseconds(instant))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", "012"),
        ("bigint", 1.5),
        ("bigint", 2**63),
        ("double precision", "1.5 m"),
        ("double precision", 2**53 + 1),
        ("boolean", 2),
        ("boolean", "maybe"),
        ("timestamp without time zone", "2024-02-30 00:00:00"),
        ("timestamp without time zone", "2024-01-02 24:00:01"),
        ("timestamp without time zone", "2024-01-02 12:30:61"),
        ("time without time zone", "24:00"),
        ("timestamp without time zone", " 024-01-02 03:04:05"),
        ("timestamp without time zone", 1704164645),
        ("date", "2024-01-02 00:00:01"),
        ("date", "02/01/2024"),
        ("time without time zone", "25:61"),
        ("uuid", "not a uuid"),
        ("text", "nul \0 inside"),
    ],
)
def test_what_the_type_cannot_mean_equals_nothing(kind: str, value: object) -> None:
    assert canonical(kind, value).startswith(NOT_MEANT)


@pytest.mark.parametrize(
    ("kind", "written", "plain"),
    [
        ("bigint", "-12", -12),
        ("double precision", "1.5", 1.5),
        ("numeric", "1.50", 1.5),
        ("boolean", "yes", 1),
        ("boolean", 0.0, 0),
        ("timestamp without time zone", "2024-01-02T03:04:05+02:00", "2024-01-02 01:04:05"),
        ("date", "2024-01-02 00:00:00", "2024-01-02"),
    ],
)
def test_another_spelling_of_a_value_equals_it(kind: str, written: object, plain: object) -> None:
    assert canonical(kind, written) == canonical(kind, plain)


def test_text_and_blob_stay_apart_in_a_text_column() -> None:
    assert canonical("text", "é") == sized("é".encode())
    assert canonical("text", b"\xc3\xa9") == sized(b"\\xc3a9")
    assert canonical("text", 7) == sized(b"7")
    assert canonical("text", 1e16) == sized(b"1e+16")


def test_policies_say_what_damaged_text_means() -> None:
    assert canonical("text", "a\0b", nul_policy="strip") == sized(b"ab")
    assert canonical("text", "a\0b", nul_policy="replace") == sized("a\u2400b".encode())
    damaged = bytearray(b"a\xffb")
    assert canonical("text", damaged, codec="utf-8").startswith(NOT_MEANT)
    assert canonical("text", damaged, codec="utf-8", invalid_utf8="replace") == sized("a\ufffdb".encode())
    assert canonical("text", damaged, codec="utf-8", invalid_utf8="latin-1") == sized("aÿb".encode())


def test_uuids_of_every_spelling_are_the_same() -> None:
    raw = bytes(range(16))
    for value in (raw, raw.hex(), "00010203-0405-0607-0809-0A0B0C0D0E0F"):
        assert canonical("uuid", value) == b"\x01" + raw


def test_dates_and_times() -> None:
    assert canonical("date", "2000-01-02") == b"\x01" + (1).to_bytes(4, "big")
    assert canonical("date", "1999-12-31") == b"\x01" + (-1).to_bytes(4, "big", signed=True)
    assert canonical("time without time zone", "00:01") == number(60_000_000)
    assert canonical("boolean", 1) == canonical("boolean", "TRUE") == b"\x01\x01"
