"""The project's own rules, checked: sizes, locks, documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


NOT_OURS = {".venv", "node_modules", "demo-out", "build", "dist", ".git", ".pytest_cache", ".hypothesis"}


def ours(pattern: str) -> list[Path]:
    """The project's files of that pattern, without what was installed or made."""
    return sorted(
        path
        for path in ROOT.rglob(pattern)
        if not NOT_OURS & set(path.relative_to(ROOT).parts) and path.is_file()
    )


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ours("*.py")
        if "tests" not in path.parts and (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_there_is_no_room_for_what_has_no_room() -> None:
    assert not [path for path in ours("*.py") if {"common", "utils", "helpers"} & {*path.parts, path.stem}]


def test_the_python_lock_is_hashed_and_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==", lock, flags=re.MULTILINE)
    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)
    assert "://" not in lock
    assert "--index-url" not in lock


def test_npm_locks_are_hashed_and_name_no_registry() -> None:
    locks = ours("*package-lock.json")
    assert locks
    for path in locks:
        for name, package in json.loads(path.read_text())["packages"].items():
            assert not str(package.get("resolved", "")).startswith("http"), (path, name)
            if name.startswith("node_modules/") and not package.get("link"):
                assert "integrity" in package, (path, name)


def test_the_express_middleware_has_no_runtime_dependency() -> None:
    package = json.loads((ROOT / "monitor" / "express" / "package.json").read_text())
    assert not package.get("dependencies")


@pytest.mark.parametrize("page", ours("*.md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
