"""How a run tells what it does: a live display on a terminal, plain lines elsewhere, or silence."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Protocol, Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from monitor.terminal import err

if TYPE_CHECKING:
    from types import TracebackType

    from migration.running.steps import Outcome, Step

#: Seconds between two plain lines about the same table.
LINE_INTERVAL_S = 5.0


class Progress(Protocol):
    """What a run tells while it works. A run that verifies counts rows twice: copied, then compared."""

    def plan(self, rows: int, done: int) -> None:
        """So many rows will pass in all, of which `done` were dealt with by an earlier run."""

    def begin(self, step: Step) -> None: ...

    def advance(self, rows: int) -> None:
        """So many more rows of the current step are done."""

    def end(self, step: Step, outcome: Outcome) -> None: ...

    def say(self, text: str) -> None:
        """One sentence for the user."""


class Silent:
    """Says nothing."""

    def plan(self, rows: int, done: int) -> None: ...

    def begin(self, step: Step) -> None: ...

    def advance(self, rows: int) -> None: ...

    def end(self, step: Step, outcome: Outcome) -> None: ...

    def say(self, text: str) -> None: ...


class Shared:
    """Passes on what several threads tell, one at a time."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = Lock()

    def plan(self, rows: int, done: int) -> None:
        with self._lock:
            self._progress.plan(rows, done)

    def begin(self, step: Step) -> None:
        with self._lock:
            self._progress.begin(step)

    def advance(self, rows: int) -> None:
        with self._lock:
            self._progress.advance(rows)

    def end(self, step: Step, outcome: Outcome) -> None:
        with self._lock:
            self._progress.end(step, outcome)

    def say(self, text: str) -> None:
        with self._lock:
            self._progress.say(text)


class Lines:
    """Plain lines on standard error: a table's end, and every few seconds where a long one stands."""

    def __init__(self) -> None:
        self._total = self._done = self._before = 0
        self._started = self._spoken = time.monotonic()
        self._name = ""

    def plan(self, rows: int, done: int) -> None:
        self._total, self._done, self._before = rows, done, done
        self._started = time.monotonic()

    def begin(self, step: Step) -> None:
        self._name = f"{step.kind} {step.name}"
        self._spoken = time.monotonic()

    def advance(self, rows: int) -> None:
        self._done += rows
        now = time.monotonic()
        if now - self._spoken >= LINE_INTERVAL_S:
            self._spoken = now
            rate = (self._done - self._before) / max(now - self._started, 1e-3)
            remaining = max(self._total - self._done, 0) / rate if rate else 0
            self.say(
                f"{self._name}: {self._done:,} of {self._total:,} rows, {rate:,.0f} rows/s, "
                f"{remaining:,.0f} s to go"
            )

    def end(self, step: Step, outcome: Outcome) -> None:
        if step.kind == "copy":
            self.say(
                f"copied {step.name}: {outcome.detail['rows']:,} rows in {outcome.detail['seconds']:.1f} s"
            )
        elif outcome.state == "left":
            self.say(f"left undone: {step.name}: {outcome.detail['why']}")

    def say(self, text: str) -> None:
        err.print(escape(text), soft_wrap=True)


class Live(Lines):
    """One bar over all rows with rate and remaining time, on a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def plan(self, rows: int, done: int) -> None:
        super().plan(rows, done)
        self._task = self._bars.add_task("", total=rows, completed=done, rate="")

    def begin(self, step: Step) -> None:
        super().begin(step)
        if self._task is not None:
            self._bars.update(self._task, description=escape(self._name[:50]))

    def advance(self, rows: int) -> None:
        self._done += rows
        if self._task is not None:
            rate = (self._done - self._before) / max(time.monotonic() - self._started, 1e-3)
            self._bars.update(self._task, completed=self._done, rate=f"{rate:,.0f} rows/s")
