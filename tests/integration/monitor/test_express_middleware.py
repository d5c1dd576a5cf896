"""The Express middleware's own tests, on both versions of Express, and what its package promises."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from examples.node_packages import Node, NodePackage, prepare

PACKAGE = Path(__file__).parents[3] / "monitor" / "express"


@pytest.mark.node
def test_the_package_passes_its_own_tests_on_both_versions_of_express(node: Node) -> None:
    prepare(NodePackage(PACKAGE / "test", check="require('express'); require('express4')"))
    tests = sorted(map(str, (PACKAGE / "test").glob("*.test.js")))
    done = subprocess.run(
        [node.node, "--test", *tests], cwd=PACKAGE, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"^\S pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= len(tests)


def test_the_package_has_no_dependencies() -> None:
    description = json.loads((PACKAGE / "package.json").read_text())
    assert not {"dependencies", "devDependencies", "peerDependencies", "optionalDependencies"} & set(
        description
    )
    required = {
        name
        for path in (PACKAGE / "lib").glob("*.js")
        for name in re.findall(r"require\('([^']+)'\)", path.read_text())
    }
    assert all(name.startswith(("node:", "./")) for name in required)


def test_the_package_opens_no_file() -> None:
    """Closing a second handle of a SQLite file in the application's process drops the application's locks."""
    for path in (PACKAGE / "lib").glob("*.js"):
        assert not re.search(r"node:fs|better-sqlite3|sqlite3'|\bopen\(", path.read_text()), path
