"""What is on this machine, and what each missing part would enable. Looks only; asks no network."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.local_postgres import LocalPostgresError, package_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds a program may take to say its version.
PATIENCE: Final = 10.0
OLDEST_NODE: Final = 18
#: Where AWS's SDKs look for credentials, in their order: environment, web identity, container, then files.
AWS_VARIABLES: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


@dataclass(frozen=True)
class Finding:
    """One part that may be here.

    Args:
        part: its name.
        found: whether it is here and usable.
        detail: version and place, or why not.
        enables: what it is for.
        optional: everything else works without it.
    """

    part: str
    found: bool
    detail: str
    enables: str
    optional: bool


def examine(environment: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    """Look for every part.

    Args:
        environment: environment variables; the process's own by default.
    """
    env = os.environ if environment is None else environment
    path = env.get("PATH")
    return (
        Finding("Python", True, platform.python_version(), "Outgrow itself", optional=False),
        _postgres(),
        _program("psql", "running generated scripts by hand", ["psql", "--version"], path),
        _program("Pulumi CLI", "real deployments: --runner pulumi", ["pulumi", "version"], path),
        _aws(env),
        _node(path),
        _program("npm", "installing the Express shop of the demo", ["npm", "--version"], path),
        _program("C++ compiler", "building better-sqlite3 where no binary fits", ["g++", "--version"], path),
    )


def _program(
    part: str,
    enables: str,
    command: list[str],
    path: str | None,
    *,
    fits: Callable[[str], str | None] = lambda _: None,
) -> Finding:
    """Find a program and ask its version; `fits` says what is wrong with a version, or None."""
    place = shutil.which(command[0], path=path)
    if place is None:
        return Finding(part, False, f"no command {command[0]} on the PATH", enables, optional=True)
    try:
        done = subprocess.run(
            [place, *command[1:]],
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(part, False, f"{place} does not run: {error}", enables, optional=True)
    version = next(iter((done.stdout or done.stderr).splitlines()), "").strip()
    wrong = fits(version)
    detail = f"{version}{f': {wrong}' if wrong else ''} ({place})"
    return Finding(part, wrong is None, detail, enables, optional=True)


def _node(path: str | None) -> Finding:
    def old(version: str) -> str | None:
        number = re.match(r"v?(\d+)", version)
        if number and int(number.group(1)) >= OLDEST_NODE:
            return None
        return f"{OLDEST_NODE} or newer is needed"

    return _program("Node", "the Express shop of the demo", ["node", "--version"], path, fits=old)


def _postgres() -> Finding:
    enables = "the demo, rehearsals and tests: a real local database"
    try:
        program = package_folder() / "bin" / "postgres"
        done = subprocess.run(
            [program, "--version"], check=True, capture_output=True, text=True, timeout=PATIENCE
        )
    except LocalPostgresError as error:
        return Finding("PostgreSQL", False, str(error), enables, optional=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            "PostgreSQL", False, f"the packaged server does not run: {error}", enables, optional=False
        )
    return Finding("PostgreSQL", True, done.stdout.strip(), enables, optional=False)


def _aws(env: Mapping[str, str]) -> Finding:
    enables = "outgrow infra preflight, and real deployments: --runner pulumi"
    for variable in AWS_VARIABLES:
        if env.get(variable):
            return Finding("AWS credentials", True, f"from {variable}", enables, optional=True)
    home = Path(env.get("HOME") or Path.home())
    files = [
        Path(env.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials"),
        Path(env.get("AWS_CONFIG_FILE") or home / ".aws" / "config"),
    ]
    for file in files:
        if file.is_file():
            return Finding("AWS credentials", True, f"from {file}", enables, optional=True)
    return Finding(
        "AWS credentials", False, "neither variables nor files of AWS are set up", enables, optional=True
    )
