"""The list of names that differ between source and target: for people, and for what rewrites their SQL."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from migration.schema.target import NewName


def names_beside(journal: Path) -> Path:
    """The list that belongs to a run, beside its journal."""
    return journal.with_name(journal.name + ".names.json")


def write_names(path: Path, names: Iterable[NewName]) -> bool:
    """Write the list as JSON; nothing where it is empty, and an earlier list then goes.

    Returns:
        whether there is a file now.
    """
    listed = [asdict(name) for name in names]
    if not listed:
        path.unlink(missing_ok=True)
        return False
    path.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    return True
