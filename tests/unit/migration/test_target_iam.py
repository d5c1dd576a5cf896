"""Tokens of AWS IAM: asked for in the connection string, made for each connection, never over plain TCP."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from migration.errors import DsnError, TargetUnreachableError
from migration.target.database import connection_parameters
from migration.target.dsn import parse_dsn
from migration.target.iam import region_of, with_parameter

HOST = "shop.c0ffee.eu-central-1.rds.amazonaws.com"
URL = f"postgresql://app@{HOST}/shop"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a stand-in of boto3 is asked."""
    seen: list[Any] = []

    def client(service: str, region_name: str | None) -> Any:
        seen.append((service, region_name))
        return SimpleNamespace(generate_db_auth_token=lambda **asked: seen.append(asked) or "to&ken=")

    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=client))
    return seen


@pytest.mark.parametrize(
    "text",
    [
        f"{URL}?iam_token=true",
        f"{URL}?iam_token=true&connect_timeout=3",
        f"{URL}?connect_timeout=3&iam_token=true",
        f"host={HOST} iam_token=true user=app dbname=shop",
        f"iam_token=true host={HOST} user=app dbname=shop",
        with_parameter(URL),
        with_parameter(with_parameter(f"{URL}?connect_timeout=3")),
        with_parameter(f"host={HOST} user=app dbname=shop"),
    ],
)
def test_a_token_takes_the_place_of_the_password(text: str, asked: list[Any]) -> None:
    dsn = parse_dsn(text)
    given = connection_parameters(dsn)
    assert asked == [("rds", "eu-central-1"), {"DBHostname": HOST, "Port": 5432, "DBUsername": "app"}]
    assert (given["password"], given["sslmode"], given["dbname"]) == ("to&ken=", "require", "shop")
    assert str(dsn) == URL


def test_without_the_parameter_nobody_is_asked(asked: list[Any]) -> None:
    assert "password" not in connection_parameters(parse_dsn(URL))
    assert "password" not in connection_parameters(parse_dsn(f"{URL}?iam_token=false"))
    assert asked == []


def test_a_stricter_encryption_stays_and_a_missing_one_is_refused(asked: list[Any]) -> None:
    strict = connection_parameters(parse_dsn(f"{URL}?sslmode=verify-full&iam_token=true"))
    assert strict["sslmode"] == "verify-full"
    with pytest.raises(DsnError, match="sslmode=disable"):
        connection_parameters(parse_dsn(f"{URL}?sslmode=disable&iam_token=true"))


@pytest.mark.parametrize("text", ["postgresql:///shop?host=/run/pg&user=a", f"postgresql://{HOST}/shop"])
def test_host_and_user_are_needed(text: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGUSER", raising=False)
    with pytest.raises(DsnError, match="needs the host and the user"):
        connection_parameters(parse_dsn(with_parameter(text)))


def test_without_boto3_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(TargetUnreachableError) as refused:
        connection_parameters(parse_dsn(with_parameter(URL)))
    assert "pip install boto3" in str(refused.value)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (HOST, "eu-central-1"),
        ("a.cluster-ro-c0ffee.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
        ("p.proxy-c0ffee.ap-southeast-2.rds.amazonaws.com", "ap-southeast-2"),
        ("a.c0ffee.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"),
        ("db.example", None),
    ],
)
def test_the_region_is_in_the_name_of_the_host(host: str, region: str | None) -> None:
    assert region_of(host) == region
