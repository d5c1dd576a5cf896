"""The password of a connection string appears nowhere: no output, no traceback, no journal, no record."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "hunter2-Zx9"


@pytest.fixture
def with_password(database: str) -> str:
    """The database's DSN with a password, which the test server does not ask for."""
    return database.replace("postgres@", f"postgres:{SECRET}@")


def everything_written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_command_shows_or_keeps_the_password(
    small_shop: Path, with_password: str, outgrow: Callable[..., Any]
) -> None:
    said = [
        outgrow("--debug", "migrate", "run", small_shop, with_password, "--dry-run"),
        outgrow("--debug", "migrate", "run", small_shop, with_password, "--schema", "one", "--json"),
        outgrow("--debug", "migrate", "verify", small_shop, with_password, "--schema", "one"),
        outgrow("--debug", "migrate", "run", small_shop, with_password),  # another schema than the journal's
        outgrow("--debug", "migrate", "run", small_shop, with_password.replace("/test_", "/no_test_")),
        outgrow("--debug", "migrate", "run", small_shop, f"postgresql://ada:a/{SECRET}@localhost/shop"),
        outgrow("--debug", "migrate", "run", small_shop, f"postgresql://ada:{SECRET}@127.0.0.1:1/shop"),
        outgrow("--debug", "migrate", "run", small_shop, f"host=x pass={SECRET}"),
    ]
    assert [ended.code for ended in said] == [0, 0, 0, 2, 1, 2, 1, 2]
    for ended in said:
        assert SECRET not in ended.out + ended.err
    written = everything_written(small_shop.parent)
    assert len(written) > 10_000
    assert SECRET.encode() not in written


def test_an_interrupted_run_leaves_no_password_behind(
    small_shop: Path, with_password: str, database: str
) -> None:
    """Neither in the journal nor in the records on the target."""
    code = (
        "import os, sys; from pathlib import Path; from migration import run\n"
        "from migration.target import state as target_state\n"
        "target_state.TargetState.drop = lambda self: os.kill(os.getpid(), 9)\n"
        "run.run_migration(Path(sys.argv[1]), sys.argv[2])\n"
    )
    subprocess.run([sys.executable, "-c", code, small_shop, with_password], capture_output=True, check=False)
    written = everything_written(small_shop.parent)
    assert b"setup" in written
    assert SECRET.encode() not in written
    with psycopg.connect(database) as target:
        records = target.execute(
            "SELECT m::text FROM outgrow.migration m UNION ALL SELECT s::text FROM outgrow.step s"
        )
        kept = str(records.fetchall())
    assert "small shop.db" in kept
    assert SECRET not in kept
