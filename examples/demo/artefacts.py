"""The folder the demo leaves behind, and nothing else of anyone's."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from monitor.terminal import to_json

if TYPE_CHECKING:
    from pathlib import Path

#: Marks a folder as made by the demo, so that the next run may replace it.
MARKER = ".made-by-outgrow-demo"


class FolderInTheWayError(UsageError):
    """The chosen folder holds something that the demo did not make."""


@dataclass(frozen=True)
class Artefacts:
    """Where each thing the demo shows is kept."""

    folder: Path

    @classmethod
    def prepare(cls, folder: Path) -> Artefacts:
        """Make `folder` empty: new, or an earlier demo's.

        Raises:
            FolderInTheWayError: it holds files and no earlier demo made it.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            if not (folder / MARKER).is_file():
                raise FolderInTheWayError(
                    f"the demo cannot write its artefacts to {folder}",
                    why="it holds something that the demo did not make",
                    next_step="outgrow demo --out ANOTHER_FOLDER",
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("This folder is replaced by the next run of outgrow demo.\n")
        return cls(folder.resolve())

    @property
    def database(self) -> Path:
        """The shop's SQLite file."""
        return self.folder / "shop.sqlite"

    @property
    def scripts(self) -> Path:
        """The generated psql scripts."""
        return self.folder / "scripts"

    @property
    def journal(self) -> Path:
        """The promotion's journal."""
        return self.folder / "promotion.outgrow-journal"

    @property
    def state(self) -> Path:
        """The rehearsal runner's state file."""
        return self.folder / "rehearsal-state.json"

    def log(self, name: str) -> Path:
        """The log of one process."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        return logs / f"{name}.log"

    def keep(self, name: str, value: Any) -> Path:
        """Write `value` as JSON and return where."""
        path = self.folder / name
        path.write_text(json.dumps(to_json(value), indent=2, ensure_ascii=False) + "\n")
        return path
