"""The documentation is checked: generated pages are current, and what it tells people to type exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer.main

import outgrow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click import Command

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "monitor" / "express" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def commands(
    command: Command, path: tuple[str, ...] = ("outgrow",)
) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Every command of the command line that can be run, with the words that name it."""
    below = getattr(command, "commands", {})
    if not below or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, found in below.items():
        yield from commands(found, (*path, name))


ROOT_COMMAND = typer.main.get_command(outgrow.app)
COMMANDS = dict(commands(ROOT_COMMAND))
CONTRACT = {
    "demo", "doctor", "assess", "monitor serve", "migrate inspect", "migrate script", "migrate run",
    "migrate verify", "infra plan", "infra cost", "infra up", "infra outputs", "infra destroy",
    "promote", "promote status", "promote approve", "promote resume", "promote abort",
}  # fmt: skip


def test_the_commands_of_the_contract_exist() -> None:
    assert {" ".join(path[1:]) for path in COMMANDS} >= CONTRACT


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_explains_itself_with_an_example(path: tuple[str, ...]) -> None:
    text = f"{COMMANDS[path].help} {COMMANDS[path].epilog}"
    assert len(text.split()) > 5
    assert " ".join(path) in text, "its help shows no example of itself"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    silent = [
        option.name
        for option in COMMANDS[path].params
        if option.param_type_name == "option" and not getattr(option, "help", None)
    ]
    assert not silent


def test_the_documentation_shows_what_the_commands_print() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs.py"), "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def shown_commands() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        if page.name == "cli.md":
            continue
        joined = page.read_text().replace("\\\n", " ")
        for line in re.findall(r"^\$ ((?:\.venv/bin/)?outgrow .*)$", joined, flags=re.MULTILINE):
            yield page, line


@pytest.mark.parametrize(("page", "line"), list(shown_commands()))
def test_what_the_documentation_tells_to_type_exists(page: Path, line: str) -> None:
    words = shlex.split(re.split(r" [|>&]", line)[0])
    command, path = ROOT_COMMAND, ["outgrow"]
    for word in words[1:]:
        below = getattr(command, "commands", {})
        if word not in below:
            break
        command = below[word]
        path.append(word)
    assert tuple(path) in COMMANDS, f"{page.name}: there is no {' '.join(path)}"
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
        "--help"
    }
    assert not [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
