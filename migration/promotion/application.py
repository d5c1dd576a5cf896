"""The application that is promoted: what a promotion asks of it, and the version that is made of commands.

The four calls may come again after a crash: each has to be safe to repeat.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from migration.promotion.errors import HookError, WrongPromotionError
from migration.target.dsn import parse_dsn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The variables a command finds in its environment.
URL_VARIABLE = "OUTGROW_DATABASE_URL"
PHASE_VARIABLE = "OUTGROW_PHASE"
_HEALTH_TIMEOUT = 3.0
_SHOWN = 2000


class Application(Protocol):
    """What a promotion needs to do with the application."""

    def stop(self) -> None:
        """End its writing to SQLite, for instance by stopping it. Already stopped is no error."""
        ...

    def switch(self, dsn: str) -> None:
        """Start it on PostgreSQL. Already started is no error."""
        ...

    def restore(self) -> None:
        """Start it on the SQLite file again, as before the promotion. Already started is no error."""
        ...

    def healthy(self) -> bool:
        """Whether it answers well now."""
        ...


@dataclass(frozen=True)
class Hooks:
    """The commands and the address that stand for an application; any of them may be missing.

    Commands are run without a shell. They find the database in OUTGROW_DATABASE_URL and the phase in
    OUTGROW_PHASE. `timeout` is what one command may take, in seconds.
    """

    stop_command: str | None = None
    switch_command: str | None = None
    revert_command: str | None = None
    health_url: str | None = None
    timeout: float = 300.0

    def check(self) -> None:
        """Refuse commands that could not even be started, and an address that is none.

        Raises:
            WrongPromotionError: a command cannot be parsed, its program is not there, or the address is not
            http(s).
        """
        if self.health_url is not None and not self.health_url.startswith(("http://", "https://")):
            raise WrongPromotionError(
                f"--health-url {self.health_url} is no address",
                next_step="write it in full: --health-url http://127.0.0.1:3000/healthz",
            )
        for option, command in self._commands().items():
            if command is None:
                continue
            try:
                words = shlex.split(command)
            except ValueError as error:
                raise WrongPromotionError(f"cannot read the command of {option}", why=str(error)) from error
            if not words:
                raise WrongPromotionError(
                    f"{option} is empty", next_step=f"leave {option} out, or give a command"
                )
            if shutil.which(words[0]) is None:
                raise WrongPromotionError(
                    f"{option}: there is no program {words[0]}",
                    why="commands run without a shell: no built-ins, pipes or variables",
                    next_step="give the program's full path, or put the commands into a script",
                )

    def describe(self) -> dict[str, str]:
        """What happens to the application, in words, for the plan."""
        return {
            "stop": self.stop_command or "not stopped: the fence alone ends its writing",
            "switch": self.switch_command or "not started: it has to be started on PostgreSQL by hand",
            "restore": self.revert_command or "not restarted: after a revert it has to be started by hand",
            "health": self.health_url or "not watched",
        }

    def refuse_secrets(self, dsn: str) -> None:
        """Refuse commands that carry a secret of the target's connection string.

        Raises:
            WrongPromotionError: one does.
            DsnError: the connection string cannot be read.
        """
        secrets = [secret for secret in parse_dsn(dsn).secrets.values() if secret]
        for option, command in self._commands().items():
            if command and any(secret in command for secret in secrets):
                raise WrongPromotionError(
                    f"{option} contains the database's password",
                    why="commands are written to the journal and show in process lists",
                    next_step=f"let the command read {URL_VARIABLE} from its environment",
                )

    def _commands(self) -> Mapping[str, str | None]:
        return {
            "--stop-command": self.stop_command,
            "--switch-command": self.switch_command,
            "--revert-command": self.revert_command,
        }


@dataclass(frozen=True)
class CommandApplication:
    """An application that is stopped, switched and restored by commands, and watched at an address."""

    hooks: Hooks
    source: Path
    from_phase: str
    to_phase: str
    folder: Path | None = None

    def stop(self) -> None:
        self._run("--stop-command", self.hooks.stop_command, {PHASE_VARIABLE: self.from_phase})

    def switch(self, dsn: str) -> None:
        environment = {PHASE_VARIABLE: self.to_phase, URL_VARIABLE: dsn}
        self._run("--switch-command", self.hooks.switch_command, environment, dsn)

    def restore(self) -> None:
        environment = {PHASE_VARIABLE: self.from_phase, URL_VARIABLE: str(self.source)}
        self._run("--revert-command", self.hooks.revert_command, environment)

    def healthy(self) -> bool:
        if self.hooks.health_url is None:
            return True
        import httpx  # noqa: PLC0415  # only where an address is watched

        try:
            return httpx.get(self.hooks.health_url, timeout=_HEALTH_TIMEOUT).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def _run(
        self, option: str, command: str | None, added: Mapping[str, str], dsn: str | None = None
    ) -> None:
        if command is None:
            return
        # A file and not a pipe: a command that leaves the application running in the background would keep a
        # pipe open. A session of its own: the application outlives this process and its terminal.
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(
                    shlex.split(command),
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **added},
                    start_new_session=True,
                )
            except OSError as error:
                raise HookError(f"{option} could not be started", why=str(error)) from error
            try:
                status = process.wait(self.hooks.timeout)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise HookError(
                    f"{option} did not end within {self.hooks.timeout:g} s",
                    next_step="leave the application running in the background and end the command",
                ) from error
            if status:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                said = (parse_dsn(dsn).scrub(said) if dsn else said)[-_SHOWN:]
                raise HookError(f"{option} failed with status {status}", why=said or "it printed nothing")
