"""Commands that stand for an application: no shell, and the database told only in the environment."""

from __future__ import annotations

import http.server
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from migration.promotion.application import CommandApplication, Hooks
from migration.promotion.errors import HookError, WrongPromotionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DSN = "postgresql://app:s3cr%20et@db.example:5432/shop"


def application(folder: Path, hooks: Hooks) -> CommandApplication:
    return CommandApplication(hooks, folder / "app.db", "phase-1", "phase-2")


def writes_environment(folder: Path) -> str:
    script = folder / "hook.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "pathlib.Path(sys.argv[1]).write_text("
        "f\"{os.environ.get('OUTGROW_DATABASE_URL')} {os.environ.get('OUTGROW_PHASE')}\")\n"
    )
    return f"{sys.executable} {script} {folder / 'said'}"


def test_each_command_is_told_its_database_and_phase(tmp_path: Path) -> None:
    command = writes_environment(tmp_path)
    app = application(tmp_path, Hooks(stop_command=command, switch_command=command, revert_command=command))
    app.switch(DSN)
    assert (tmp_path / "said").read_text() == f"{DSN} phase-2"
    app.restore()
    assert (tmp_path / "said").read_text() == f"{tmp_path / 'app.db'} phase-1"
    app.stop()
    assert (tmp_path / "said").read_text() == "None phase-1"


def test_missing_commands_do_nothing_and_an_unwatched_application_counts_as_healthy(tmp_path: Path) -> None:
    app = application(tmp_path, Hooks())
    app.stop()
    app.switch(DSN)
    app.restore()
    assert app.healthy()


def test_a_failing_command_is_told_with_what_it_said_but_not_the_secret(tmp_path: Path) -> None:
    code = "import os; print('cannot use', os.environ['OUTGROW_DATABASE_URL']); raise SystemExit(7)"
    app = application(tmp_path, Hooks(switch_command=f'{sys.executable} -c "{code}"'))
    with pytest.raises(HookError, match="failed with status 7") as caught:
        app.switch(DSN)
    assert "cannot use" in caught.value.why
    assert "s3cr" not in str(caught.value) + caught.value.why


def test_a_command_may_leave_the_application_running_behind(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = tmp_path / "start.py"
    script.write_text(
        "import pathlib, subprocess, sys\n"
        "code = 'import time; print(1, flush=True); time.sleep(60)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code])\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(child.pid))\n"
    )
    started = time.monotonic()
    application(tmp_path, Hooks(switch_command=f"{sys.executable} {script}")).switch(DSN)
    child = psutil.Process(int(pid.read_text()))
    try:
        assert time.monotonic() - started < 30
        assert child.is_running()
    finally:
        child.kill()


def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    command = f'{sys.executable} -c "import time; time.sleep(60)"'
    app = application(tmp_path, Hooks(stop_command=command, timeout=0.5))
    with pytest.raises(HookError, match=r"did not end within 0\.5 s"):
        app.stop()


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    app = application(tmp_path, Hooks(stop_command=f"{sys.executable} -c pass ; touch {tmp_path / 'made'}"))
    app.stop()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("hooks", "told"),
    [
        (Hooks(switch_command="no-such-program-here --now"), "there is no program no-such-program-here"),
        (Hooks(stop_command="echo 'open"), "cannot read the command of --stop-command"),
        (Hooks(revert_command=" "), "--revert-command is empty"),
        (Hooks(health_url="localhost:3000"), "--health-url localhost:3000 is no address"),
    ],
)
def test_commands_that_could_not_start_are_refused_before_anything_begins(hooks: Hooks, told: str) -> None:
    with pytest.raises(WrongPromotionError, match=told):
        hooks.check()


def test_commands_that_can_start_are_accepted() -> None:
    Hooks(switch_command="sh -c 'exit 0'", stop_command=sys.executable).check()


@pytest.mark.parametrize("command", ["deploy --url {dsn}", "deploy --password 's3cr et'"])
def test_a_password_in_a_command_is_refused_without_repeating_it(command: str) -> None:
    hooks = Hooks(switch_command=command.format(dsn="postgresql://app:s3cr et@db.example:5432/shop"))
    with pytest.raises(WrongPromotionError, match="contains the database's password") as caught:
        hooks.refuse_secrets(DSN)
    assert "s3cr" not in str(caught.value)


@pytest.fixture
def server() -> Iterator[tuple[str, list[int]]]:
    answers = [500]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers[0])
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/healthz", answers
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "healthy"), [(200, True), (204, True), (302, False), (404, False), (500, False)]
)
def test_only_a_2xx_answer_is_healthy(
    tmp_path: Path, server: tuple[str, list[int]], status: int, healthy: bool
) -> None:
    url, answers = server
    answers[0] = status
    app = application(tmp_path, Hooks(health_url=url))
    assert app.healthy() is healthy


def test_no_answer_is_not_healthy(tmp_path: Path) -> None:
    app = application(tmp_path, Hooks(health_url="http://127.0.0.1:9/"))
    assert not app.healthy()
    assert not replace(app, hooks=Hooks(health_url="not a url")).healthy()
