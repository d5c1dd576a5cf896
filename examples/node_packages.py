"""Prepares a folder of Node code once: `npm ci` and its build, repeated only when what went in has changed.

What was prepared is remembered by stamps, hashes of everything that went in, beside the results. Two
processes that prepare the same folder wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from examples.errors import NodeUnusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Express 5 and the built-in test runner need it; Debian 12 ships 18.19.
OLDEST_NODE = 18
#: Seconds. Compiling better-sqlite3 takes about two minutes on two cores.
INSTALL_TIMEOUT = 900
COMMAND_TIMEOUT = 180

STAMP = ".outgrow-stamp"
_LAST_LINES = 8


@dataclass(frozen=True)
class Node:
    """A usable Node: the two programs, and its version such as `v20.11.1`."""

    node: str
    npm: str
    version: str


@dataclass(frozen=True)
class NodePackage:
    """A folder with package.json and package-lock.json.

    Attributes:
        folder: where they are.
        check: JavaScript that fails unless the installed packages really work (compiled parts do not always).
        build: arguments for node that make `dist/` out of `src/`; empty where there is nothing to build.
    """

    folder: Path
    check: str = ""
    build: tuple[str, ...] = ()


def find_node() -> Node:
    """Return the Node of this machine.

    Raises:
        NodeUnusable: node or npm is missing, or node is older than `OLDEST_NODE`.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing = " and ".join(name for name, path in (("node", node), ("npm", npm)) if path is None)
        raise NodeUnusable(
            "Node is not usable",
            why=f"{missing} cannot be found",
            next_step="install Node and npm (Debian: apt-get install nodejs npm), or use the Python shop",
        )
    version = _output([node, "--version"])
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < OLDEST_NODE:
        raise NodeUnusable(
            "Node is not usable",
            why=f"{node} is {version or 'silent about its version'}, and {OLDEST_NODE} or later is needed",
            next_step="install a newer Node, or use the Python shop",
        )
    return Node(node, npm, version)


def is_prepared(package: NodePackage, node: Node) -> bool:
    """Tell whether `prepare` would have nothing to do."""
    return _is_current(_modules_stamp(package, node)) and (
        not package.build or _is_current(_build_stamp(package))
    )


def prepare(package: NodePackage, *, say: Callable[[str], None] = lambda _: None) -> Node:
    """Install and build a package where that has not been done yet; `say` hears what takes long.

    Raises:
        NodeUnusable: with the last lines of what failed and the next thing to type.
    """
    node = find_node()
    if is_prepared(package, node):
        return node
    with _alone(package.folder):
        stamp = _modules_stamp(package, node)
        if not _is_current(stamp):
            say(f"npm ci in {_shown(package.folder)} (the first time it compiles SQLite: two minutes or so)")
            _run(package, node, [node.npm, "ci"], timeout=INSTALL_TIMEOUT)
            if package.check:
                _run(package, node, [node.node, "-e", package.check], timeout=COMMAND_TIMEOUT)
            stamp.write()
        if package.build:
            stamp = _build_stamp(package)
            if not _is_current(stamp):
                say(f"building {_shown(package.folder)}")
                _run(package, node, [node.node, *package.build], timeout=COMMAND_TIMEOUT)
                stamp.write()
    return node


@dataclass(frozen=True)
class _Stamp:
    path: Path
    digest: str

    def write(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(self.digest, encoding="ascii")


def _is_current(stamp: _Stamp) -> bool:
    try:
        return stamp.path.read_text(encoding="ascii") == stamp.digest
    except OSError:
        return False


def _modules_stamp(package: NodePackage, node: Node) -> _Stamp:
    # Compiled parts are bound to one version of Node and one kind of processor.
    made_for = f"{node.version} {platform.machine()}"
    inputs = (package.folder / name for name in ("package.json", "package-lock.json", ".npmrc"))
    return _Stamp(package.folder / "node_modules" / STAMP, _digest(inputs, made_for))


def _build_stamp(package: NodePackage) -> _Stamp:
    sources = sorted(path for path in (package.folder / "src").rglob("*") if path.is_file())
    inputs = (package.folder / "tsconfig.json", package.folder / "package-lock.json", *sources)
    return _Stamp(package.folder / "dist" / STAMP, _digest(inputs, " ".join(package.build)))


def _digest(files: Iterable[Path], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for path in files:
        if path.exists():
            content = path.read_bytes()
            digest.update(f"\n{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: a lock on the folder itself leaves no file behind and ends with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _run(package: NodePackage, node: Node, command: Sequence[str], *, timeout: float) -> None:
    shown = " ".join([Path(command[0]).name, *command[1:]])
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    with subprocess.Popen(
        command,
        cwd=package.folder,
        env={**os.environ, **quiet},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # npm starts compilers: they must all go when time is up
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise NodeUnusable(
                f"{shown} failed in {_shown(package.folder)}",
                why=f"it was not done after {timeout:.0f} s",
                next_step=_advice(package, node, shown),
            ) from None
    if process.returncode != 0:
        raise NodeUnusable(
            f"{shown} failed in {_shown(package.folder)}",
            why=_last_lines(output) or f"it ended with status {process.returncode}",
            next_step=_advice(package, node, shown),
        )


def _advice(package: NodePackage, node: Node, shown: str) -> str:
    tools = [name for name in ("make", "g++") if shutil.which(name) is None]
    repeat = f"(cd {_shown(package.folder)} && {shown})"
    if tools and Path(node.npm).name in shown:
        return (
            f"install {' and '.join(tools)} (Debian: apt-get install {' '.join(tools)}), then type {repeat}"
        )
    return f"type {repeat} to see all of it, or use the Python shop"


def _last_lines(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-_LAST_LINES:])


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _shown(folder: Path) -> str:
    """Return the folder as a person at the project's root would type it."""
    return os.path.relpath(folder)
