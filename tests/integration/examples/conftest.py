"""Both shops, on both databases, started for real."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from examples.applications import EXPRESS, PYTHON, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def express(node: object) -> Shop:
    """The Express shop, installed and built (once; two minutes where nothing is there yet)."""
    del node
    EXPRESS.prepare()
    return EXPRESS


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Shop:
    """The shop that the test's indirect parameter names."""
    return request.getfixturevalue("express") if request.param == "express" else PYTHON  # type: ignore[no-any-return]


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes empty databases by kind and returns their addresses; PostgreSQL's are dropped after the test."""
    made: list[str] = []

    def server() -> LocalPostgres:
        return request.getfixturevalue("postgres")  # type: ignore[no-any-return]

    def make(kind: str) -> str:
        name = f"shop_{next(_numbers)}"
        if kind == "sqlite":
            return str(tmp_path / f"{name}.sqlite")
        made.append(name)
        return server().create_database(name)

    yield make
    for name in made:
        server().drop_database(name)
