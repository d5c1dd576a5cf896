"""Where the store of a watched database lies unless told otherwise: in the user's state folder."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_NAME_LENGTH: Final = 40


def default_store(database: str) -> Path:
    """Return the store's file for a database: its name, and a hash that tells equal names apart.

    Args:
        database: a SQLite file or a PostgreSQL connection string; no secret of it enters the name.
    """
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    name, identity = _identity(database)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:10]
    return Path(base) / "outgrow" / f"{name}-{digest}.history"


def _identity(database: str) -> tuple[str, str]:
    """Name a database and what makes it this one, without user or password."""
    if re.match(r"postgres(ql)?://", database):
        parts = urlsplit(database)
        place = parts.netloc.rpartition("@")[2]
        return _plain(parts.path.strip("/") or "postgresql"), f"{place}{parts.path}"
    if re.match(r"\s*\w+\s*=", database):
        words = [word for word in database.split() if not re.match(r"(password|user|passfile)\s*=", word)]
        named = re.search(r"\bdbname\s*=\s*([\w.-]+)", database)
        return _plain(named[1] if named else "postgresql"), " ".join(sorted(words))
    path = Path(database).absolute()
    return _plain(path.name), str(path.resolve())


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)[:_NAME_LENGTH] or "database"
