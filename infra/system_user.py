"""Who runs a server that refuses to run as root, and what that user may reach."""

from __future__ import annotations

import os
import pwd
import subprocess
from typing import TYPE_CHECKING, Any, Final

from infra.errors import InfraError

if TYPE_CHECKING:
    from pathlib import Path

#: These exist on every Debian, in the order we prefer them.
SYSTEM_USERS: Final = ("postgres", "nobody")


def system_user() -> str | None:
    """Choose who runs the server: ourselves, or as root one of SYSTEM_USERS."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in SYSTEM_USERS:
        if name in known:
            return name
    raise InfraError(
        "the local PostgreSQL cannot run as root",
        why=f"none of the system users {', '.join(SYSTEM_USERS)} exists",
        next_step="run the command as a normal user",
    )


def as_user(user: str | None) -> dict[str, Any]:
    """Give what subprocess needs to change to a system user."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def give(folder: Path, user: str) -> None:
    """Make a system user the owner of a folder and of all in it."""
    entry = pwd.getpwnam(user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    for path in folder.rglob("*"):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def can_read(path: Path, user: str) -> bool:
    """Ask the system itself whether a user may read a path, parents included."""
    done = subprocess.run(["test", "-r", str(path)], check=False, cwd="/", **as_user(user))
    return done.returncode == 0
