"""Real SQLite files, made by others: each is migrated, and compared by a program with no code of ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = Path(__file__).parents[2] / "real-files.lock"
#: One build of each package, whatever runs the tests: its files are the same everywhere.
BUILD = ("--only-binary=:all:", "--platform=manylinux_2_28_x86_64", "--platform=any", "--python-version=3.11")
FILES = {
    "proj.db": ("pyproj/proj_dir/share/proj/proj.db", 37, 74_568),
    "elements.db": ("mendeleev/elements.db", 13, 67_580),
    "kenya.db": ("kenya_data/kenya.db", 12, 2_858),
}


@pytest.fixture(scope="session")
def packages(pytestconfig: pytest.Config) -> Path:
    """The packages' files, fetched once. Where that fails the tests are skipped, except in CI."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("real-files")
    folder = cache / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not folder.exists():
        wheels, partly = cache / f"wheels-{os.getpid()}", cache / f"files-{os.getpid()}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "--no-deps", "--require-hashes", *BUILD, "--dest", wheels, "--requirement", LOCK],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            reason = f"the real files cannot be fetched: {done.stderr.strip()}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        for wheel in wheels.iterdir():
            with zipfile.ZipFile(wheel) as archive:
                members = [name for name in archive.namelist() if name.endswith(".db")]
                archive.extractall(partly, members)
        shutil.rmtree(wheels)
        partly.rename(folder)
    return folder


@pytest.fixture
def real_file(packages: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """This test's own copy of one of FILES."""
    return Path(shutil.copy(packages / FILES[request.param][0], tmp_path / request.param))


@pytest.mark.both_servers
@pytest.mark.parametrize("real_file", FILES, indirect=True)
def test_a_real_file_arrives_row_by_row_and_object_by_object(
    real_file: Path,
    database: str,
    outgrow: Callable[..., Any],
    differences: Callable[..., list[str]],
) -> None:
    path = real_file
    _, tables, rows = FILES[path.name]
    done = outgrow("migrate", "run", path, database, "--json")
    assert done.code in {0, 3}, done.err
    report = json.loads(done.out)
    assert (len(report["tables"]), report["rows"]) == (tables, rows)
    assert all(table["equal"] for table in report["tables"])
    left = {note["object"] for note in report["notes"] if note["level"] == "left"}
    left |= {item["name"] for item in report["left"]}
    with closing(sqlite3.connect(path)) as source:
        triggers = {row[0] for row in source.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")}
    assert left <= triggers, "nothing else is left to do by hand"
    assert (done.code == 3) == bool(left)
    assert differences(path, database, left=left) == []


@pytest.mark.parametrize("real_file", ["proj.db"], indirect=True)
def test_every_table_of_proj_db_is_verified_again_from_outside(
    real_file: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    outgrow("migrate", "run", real_file, database, "--no-verify")
    done = outgrow("migrate", "verify", real_file, database, "--json")
    found = json.loads(done.out)
    assert found["rows_equal"] is True
    assert len(found["tables"]) == 37
    assert found["surprises"] is False
