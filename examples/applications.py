"""The two example shops as processes: which one can run here, filling its database, starting and stopping it.

    choice = choose("auto", say=print)            # which shop, and why
    choice.shop.seed("shop.sqlite", Rows(500, 200, 1500))
    with choice.shop.start("shop.sqlite", sidecar_url="http://127.0.0.1:9464") as running:
        httpx.get(f"{running.url}/health")

Database addresses go to the shops through their environment only: they may hold a password.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, Self

from examples.errors import NodeUnusable, ShopDied, ShopError, ShopRefused
from examples.node_packages import NodePackage, prepare
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AppName = Literal["auto", "express", "python"]

_EXAMPLES = Path(__file__).parent
_LAST_LINES = 8
#: How often a starting shop is looked at, in seconds.
_POLL = 0.02

EXPRESS_PACKAGE = NodePackage(
    folder=_EXAMPLES / "express-typeorm",
    check="new (require('better-sqlite3'))(':memory:').close()",
    build=("node_modules/typescript/bin/tsc",),
)


@dataclass(frozen=True)
class Rows:
    """How much a seeded shop holds. Each order has one to four items."""

    customers: int = 500
    products: int = 200
    orders: int = 1500


@dataclass(frozen=True)
class Shop:
    """One of the example applications; examples/contract/README.md says what both can do.

    Attributes:
        name: what `--app` calls it.
        title: what people call it.
        serve_command: arguments that start it, in `folder`.
        seed_command: arguments that fill an empty database.
        package: what has to be installed and built first, None if nothing has.
    """

    name: Literal["express", "python"]
    title: str
    folder: Path
    serve_command: tuple[str, ...]
    seed_command: tuple[str, ...]
    package: NodePackage | None = None

    def prepare(self, *, say: Callable[[str], None] = lambda _: None) -> None:
        """Install and build what the shop needs; quick when that has been done before.

        Raises:
            NodeUnusable: it cannot be done here.
        """
        if self.package is not None:
            prepare(self.package, say=say)

    def seed(self, database_url: str, rows: Rows | None = None, *, timeout: float = 300) -> None:
        """Fill an empty database, in one transaction; the same rows every time, whichever shop does it.

        Raises:
            ShopRefused: the database is not empty or not usable.
            ShopError: it failed, or took longer than `timeout` seconds.
        """
        wanted = rows or Rows()
        counts = ("--customers", wanted.customers, "--products", wanted.products, "--orders", wanted.orders)
        try:
            done = subprocess.run(
                [*self.seed_command, *map(str, counts)],
                cwd=self.folder,
                env=_environment({"DATABASE_URL": _absolute(database_url)}),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ShopError(
                f"the {self.title} was not filled", why=f"not done after {timeout:.0f} s"
            ) from None
        if done.returncode != 0:
            kind = ShopRefused if done.returncode == ExitCode.WRONG_USAGE else ShopError
            raise kind(f"the {self.title} was not filled", why=_last_lines(done.stderr or done.stdout))

    def start(
        self,
        database_url: str,
        *,
        port: int = 0,
        sidecar_url: str | None = None,
        push_interval_ms: int | None = None,
        client_window_s: int | None = None,
        log: Path | None = None,
        timeout: float = 30,
    ) -> RunningShop:
        """Start the shop and wait until it answers.

        Args:
            database_url: a path, `sqlite:///path` or `postgresql://...`.
            port: on 127.0.0.1; 0 takes any free one.
            sidecar_url: where to send what is measured; None measures nothing.
            push_interval_ms: milliseconds between two snapshots, 5000 unless given.
            client_window_s: over how many seconds distinct clients are counted, 300 unless given.
            log: file that gets what the shop prints (appended); otherwise only `output()` has it.
            timeout: seconds until it must be ready.

        Raises:
            ShopRefused: port in use, database without tables, unusable address.
            ShopDied: it ended before it was ready.
            ShopError: it was not ready in time.
        """
        settings = {"DATABASE_URL": _absolute(database_url), "PORT": str(port), "EXIT_WITH_STDIN": "1"}
        optional = {
            "OUTGROW_SIDECAR_URL": sidecar_url,
            "OUTGROW_PUSH_INTERVAL_MS": push_interval_ms,
            "OUTGROW_CLIENT_WINDOW_SECONDS": client_window_s,
        }
        settings |= {name: str(value) for name, value in optional.items() if value is not None}
        output = log.open("a+b") if log else tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the shop
        begin = output.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            self.serve_command,
            cwd=self.folder,
            env=_environment(settings),
            stdin=subprocess.PIPE,  # ends with this process, and the shop with it
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we stop the shop in our own order
        )
        running = RunningShop(self, process, log, output, begin)
        try:
            running.wait_until_ready(timeout)
        except BaseException:
            running.stop()
            raise
        return running


@dataclass
class RunningShop:
    """A shop's process. As a context manager it stops the shop at the end of the block."""

    shop: Shop
    process: subprocess.Popen[bytes]
    #: Where its output goes, None for a file without a name.
    log: Path | None
    _output: IO[bytes]
    #: Where this run's output begins in that file.
    _begin: int
    #: Base URL, known once the shop is ready.
    url: str = field(default="", init=False)
    #: All it printed, once it is stopped.
    _said: str = field(default="", init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def output(self) -> str:
        """Return what the shop has printed since it was started."""
        if self._output.closed:
            return self._said
        handle = self._output.fileno()
        size = os.fstat(handle).st_size - self._begin
        return os.pread(handle, size, self._begin).decode(
            errors="replace"
        )  # the shop writes at its own offset

    def check(self) -> None:
        """Do nothing while the shop runs.

        Raises:
            ShopDied: it has ended; with what it said last.
            ShopRefused: it has ended because of what it was started with.
        """
        status = self.process.poll()
        if status is None:
            return
        said = _last_lines(self.output()) or "it printed nothing"
        if status == ExitCode.WRONG_USAGE:
            raise ShopRefused(f"the {self.shop.title} does not start", why=said)
        ended = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        next_step = f"read its output in {self.log}" if self.log else ""
        raise ShopDied(f"the {self.shop.title} ended {ended}", why=said, next_step=next_step)

    def wait_until_ready(self, timeout: float) -> None:
        """Wait for the line in which the shop says where it listens."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for line in self.output().splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    self.url = str(json.loads(line)["listening"])
                    return
            self.check()
            time.sleep(_POLL)
        raise ShopError(
            f"the {self.shop.title} was not ready after {timeout:.0f} s",
            why=_last_lines(self.output()) or "it printed nothing",
        )

    def stop(self, timeout: float = 10) -> int:
        """End the shop in good order, by force after `timeout` seconds; return its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self._said = self.output()
        self._output.close()
        return status


@dataclass(frozen=True)
class Choice:
    """Which shop, and why this one (one sentence)."""

    shop: Shop
    reason: str


EXPRESS = Shop(
    name="express",
    title="Express + TypeORM shop",
    folder=EXPRESS_PACKAGE.folder,
    serve_command=("node", "dist/main.js"),
    seed_command=("node", "dist/seed.js"),
    package=EXPRESS_PACKAGE,
)

PYTHON = Shop(
    name="python",
    title="Python shop",
    folder=_EXAMPLES / "python-shop",
    serve_command=(sys.executable, ".", "serve"),
    seed_command=(sys.executable, ".", "seed"),
)


def choose(app: AppName = "auto", *, say: Callable[[str], None] = lambda _: None) -> Choice:
    """Return a shop that can run here, prepared. Only `auto` falls back to the Python shop.

    Raises:
        NodeUnusable: `express` was asked for and cannot run here.
        ShopRefused: there is no shop of that name.
    """
    if app == "python":
        return Choice(PYTHON, "the Python shop was asked for")
    if app not in ("auto", "express"):
        raise ShopRefused(f"there is no shop {app}", next_step="use --app auto, express or python")
    try:
        EXPRESS.prepare(say=say)
    except NodeUnusable as error:
        if app == "express":
            raise
        advice = f"; for the Express shop {error.next_step}" if error.next_step else ""
        return Choice(PYTHON, f"{error.what}: {error.why}{advice}")
    why = (
        "it was asked for and runs here"
        if app == "express"
        else "Node is here and its packages are installed"
    )
    return Choice(EXPRESS, why)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return our own environment without another shop's settings, plus these."""
    ours = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    return {**ours, **settings}


_SETTINGS = frozenset(
    {
        "DATABASE_URL",
        "PORT",
        "EXIT_WITH_STDIN",
        "OUTGROW_SIDECAR_URL",
        "OUTGROW_PUSH_INTERVAL_MS",
        "OUTGROW_CLIENT_WINDOW_SECONDS",
    }
)


def _absolute(database_url: str) -> str:
    """Resolve a plain path here: the shops run in folders of their own."""
    is_path = database_url and ":" not in database_url.split("/", 1)[0]
    return str(Path(database_url).absolute()) if is_path else database_url


def _last_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(line.removeprefix("error: ") for line in lines[-_LAST_LINES:])
