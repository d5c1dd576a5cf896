"""Keeps a local PostgreSQL server no longer than the process that started it, on the standard library alone.

The owner holds the write end of this process's standard input. When that closes, because the owner said so or
because it died in whatever way, kill -9 included, the server is stopped and its temporary folder is removed.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

#: Seconds each way of stopping gets before the next, harder one: fast shutdown, immediate shutdown, kill.
PATIENCE = ((signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
#: Seconds between two looks at a server that may have ended by itself.
LOOK = 0.2
#: What a terminal sends to the whole session must not reach the guard or the server: only the owner decides.
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(folder: str, log: str, user: str, command: list[str]) -> int:
    """Run `command` as a system user ("" for the own one) until standard input closes; remove `folder`."""
    for signum in IGNORED:
        signal.signal(signum, signal.SIG_IGN)
    server = start(log, user, command)
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    while not owner_is_gone():
        server.poll()  # reaps a server that ended, so that the owner sees its process disappear
    stop(server)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def start(log: str, user: str, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the server with its output going to the file `log`."""
    other_user: dict[str, Any] = {}
    if user:
        import pwd  # noqa: PLC0415  # only root gets here

        other_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    with open(log, "ab") as output:  # noqa: PTH123  # pathlib would double the time this needs to start
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=default_signals,  # noqa: PLW1509  # this process has no threads
            **other_user,
        )


def default_signals() -> None:
    """Give the server back the signals that the guard ignores: it is stopped by them."""
    for signum in IGNORED:
        signal.signal(signum, signal.SIG_DFL)


def owner_is_gone() -> bool:
    """Wait a moment and say whether the other end of standard input has been closed."""
    readable, _, _ = select.select([0], [], [], LOOK)
    return bool(readable) and os.read(0, 1) == b""


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server, as gently as it lets us."""
    for signum, seconds in PATIENCE:
        if server.poll() is not None:
            return
        server.send_signal(signum)
        try:
            server.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
