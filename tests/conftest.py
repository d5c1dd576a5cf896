"""Fixtures shared by all tests: a PostgreSQL server, a fresh database for each test, stack files, Node."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import yaml

from examples.errors import NodeUnusable
from examples.node_packages import Node, find_node
from infra.local_postgres import LocalPostgres, LocalPostgresError, debian_installation
from monitor.phases import STACKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A busy machine breaks no law: no time limit for an example. CI judges a change, so it draws the same
# examples each time; on a desk every run draws new ones.
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

_numbers = itertools.count(1)
DELETED = object()


#: The version of Debian 12, the oldest server that the tests run on.
DEBIAN_POSTGRES = 15


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked both_servers once on each server."""
    if metafunc.definition.get_closest_marker("both_servers") and "postgres" in metafunc.fixturenames:
        metafunc.parametrize("postgres", ["embedded", "debian"], indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what programs remember between runs (history, evaluated graphs) out of the user's home."""
    names = ("XDG_STATE_HOME", "XDG_CACHE_HOME")
    before = {name: os.environ.get(name) for name in names}
    for name in names:
        os.environ[name] = str(tmp_path_factory.mktemp(name.lower()))
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def _server() -> Iterator[Callable[[str], LocalPostgres]]:
    """Starts each server at its first use; all of them run to the session's end."""
    with ExitStack() as stack:

        @functools.cache
        def start(which: str) -> LocalPostgres:
            installation = debian_installation(DEBIAN_POSTGRES) if which == "debian" else None
            settings = {"wal_level": "logical", "max_connections": "200"}
            return stack.enter_context(
                LocalPostgres(durable=False, settings=settings, installation=installation)
            )

        yield start


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest, _server: Callable[[str], LocalPostgres]) -> LocalPostgres:
    """A running PostgreSQL 18; logical decoding is on, fsync is off.

    Tests marked both_servers also get Debian's. Where that is missing they are skipped, except in CI, which
    installs it.
    """
    try:
        return _server(getattr(request, "param", "embedded"))
    except LocalPostgresError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def database(postgres: LocalPostgres) -> Iterator[str]:
    """Connection string of an empty database that exists for this test only."""
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def node() -> Node:
    """The machine's Node. Where there is none the test is skipped, except in CI, which installs it."""
    try:
        return find_node()
    except NodeUnusable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def edit_stack(tmp_path: Path) -> Callable[..., Path]:
    """A function that copies the stack files, changes keys of one and gives the copies' folder.

    `edit_stack("phase-2", {"outgrow:sizes.servers.max": 9})`: a dotted path reaches into structures, DELETED
    removes the key. Called again, it changes the same copies further.
    """
    folder = tmp_path / "stacks"

    def edit(phase: str, changes: dict[str, Any]) -> Path:
        if not folder.exists():
            shutil.copytree(STACKS, folder)
        path = folder / f"Pulumi.{phase}.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in changes.items():
            *parents, last = key.split(".")
            place = document["config"]
            for parent in parents:
                place = place[parent]
            if value is DELETED:
                del place[last]
            else:
                place[last] = value
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return folder

    edit.DELETED = DELETED  # type: ignore[attr-defined]  # tests cannot import this module
    return edit
