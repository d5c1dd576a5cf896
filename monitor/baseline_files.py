"""Where baselines are kept: one JSON file each, to be shared, moved, or put under version control."""

from __future__ import annotations

import json
import math
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from monitor.baselines import COMPARED, MIN_POINTS, Baseline
from monitor.errors import MonitorError, UsageError
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: Tried in order: five minutes are the window of most metrics, so that such points hardly overlap.
_STEPS: Final = (300, 60, 10)


class NoBaseline(MonitorError, UsageError):
    """There is no baseline of this name, or it cannot be read."""


class BadBaselineName(MonitorError, UsageError):
    """The name cannot be a file's."""


class NothingToSave(MonitorError, UsageError):
    """The history holds nothing of the time asked for."""


class Source(Protocol):
    """Where the values come from."""

    @property
    def name(self) -> str: ...

    def values(self, metric: str, *, since: float, step: int) -> tuple[float, ...]:
        """Return a series' values since a time (seconds since the epoch), one a step."""


def default_folder() -> Path:
    """Return the folder of the user's baselines."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "outgrow" / "baselines"


def take(source: Source, name: str, window_s: float, *, step_s: int | None = None) -> Baseline:
    """Take the last stretch of a history.

    Args:
        source: the history.
        name: what to call it.
        window_s: how long a stretch.
        step_s: the seconds each value covers; the widest that gives enough values by default.

    Raises:
        NothingToSave: nothing is known of that time.
        BadBaselineName: the name cannot be a file's.
    """
    _check(name)
    now = time.time()
    values: Mapping[str, tuple[float, ...]] = {}
    step = step_s or _STEPS[0]
    for step in _STEPS if step_s is None else (step_s,):  # the last one tried is the one taken
        values = {
            metric: found
            for metric in COMPARED
            if (found := source.values(metric, since=now - window_s, step=step))
        }
        if values and max(len(found) for found in values.values()) >= 2 * MIN_POINTS:
            break
    if not values:
        raise NothingToSave(
            f"{source.name} knows nothing of the last {window_s:.0f} s",
            next_step="let outgrow monitor serve run for a while first",
        )
    return Baseline(name, now, window_s, step, source.name, values)


def save(folder: Path, baseline: Baseline) -> Path:
    """Write a baseline, over an older one of the same name; all of it or nothing."""
    path = _path(folder, baseline.name)
    folder.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(to_json(baseline), indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
    return path


def load(folder: Path, name: str) -> Baseline:
    """Read a baseline.

    Raises:
        NoBaseline: there is none, or the file is something else.
        BadBaselineName: the name cannot be a file's.
    """
    path = _path(folder, name)
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        values = {
            str(metric): tuple(float(value) for value in found if math.isfinite(float(value)))
            for metric, found in data["values"].items()
            if metric in COMPARED
        }
        return Baseline(
            name,
            float(data["saved_at"]),
            float(data["window_s"]),
            int(data["step_s"]),
            str(data["source"]),
            values,
        )
    except FileNotFoundError:
        known = ", ".join(names(folder)) or "none"
        raise NoBaseline(
            f"there is no baseline {name}",
            why=f"{folder} has: {known}",
            next_step=f"save one with: outgrow monitor baseline save {name} --url URL",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoBaseline(f"{path} is not a baseline", why=f"{type(error).__name__}: {error}") from None


def names(folder: Path) -> list[str]:
    """List the baselines by name."""
    return sorted(path.stem for path in folder.glob("*.json") if _NAME.fullmatch(path.stem))


def _path(folder: Path, name: str) -> Path:
    _check(name)
    return folder / f"{name}.json"


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadBaselineName(
            f"{name!r} cannot be a baseline's name",
            why="it becomes a file's name",
            next_step="use letters, digits, dots, hyphens and underscores, for instance before-2.4",
        )
