"""Fixtures shared by all tests: a real PostgreSQL server for the session, a fresh database for each test."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from infra.local_postgres import LocalPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[LocalPostgres]:
    """A running PostgreSQL 18; logical decoding is on, fsync is off."""
    with LocalPostgres(durable=False, settings={"wal_level": "logical", "max_connections": "200"}) as server:
        yield server


@pytest.fixture
def database(postgres: LocalPostgres) -> Iterator[str]:
    """Connection string of an empty database that exists for this test only."""
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)
