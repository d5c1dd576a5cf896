"""Applying advice to a file that an application has open: backup, locks, kill -9, a second run."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.optimize.advising import Wishes, advise
from monitor.optimize.applying import apply, undo_lines
from monitor.optimize.copying import back_up
from monitor.optimize.errors import DatabaseBusy, Overtaken
from monitor.optimize.querylog import parse_log
from monitor.optimize.trial import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

_QUICK = Wishes(seconds=15, limits=Limits(seconds=0.5))
_LOG = "SELECT id FROM items WHERE order_id = 5; SELECT total FROM orders WHERE user_id = 3 ORDER BY at"


def _content(path: Path) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = ("users", "orders", "items")
        return [connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in tables]


def _sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _run(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    log = path.with_name("queries.sql")
    log.write_text(_LOG)
    command = [
        sys.executable,
        "-m",
        "outgrow",
        "optimize",
        str(path),
        "--queries",
        str(log),
        "--timeout",
        "1",
    ]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, check=False)


def test_applied_once_verified_undone_and_nothing_left_to_do(shop: Callable[..., Path]) -> None:
    path = shop(6000)
    before = _content(path)
    with closing(sqlite3.connect(path)) as connection:
        schema = connection.execute("SELECT name FROM sqlite_schema ORDER BY 1").fetchall()
    looked = _run(path, "--json")
    assert looked.returncode == 3
    assert json.loads(looked.stdout)["applied"] is None
    dry = _run(path, "--apply", "--dry-run")
    assert dry.returncode == 3
    assert "would be applied" in dry.stdout
    assert not list(path.parent.glob("*.backup-*"))

    done = _run(path, "--apply", "--json")
    assert done.returncode == 0, done.stderr
    applied = json.loads(done.stdout)["applied"]
    assert _sound(path)
    assert _content(path) == before
    assert _content(Path(applied["backup"])) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        indexes = {
            row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")
        }
        assert {"ix_items_order_id", "ix_orders_user_id"} <= indexes
        assert "total_2" not in indexes

    again = _run(path, "--apply")
    assert again.returncode == 0, again.stderr
    assert "nothing to apply" in again.stdout
    assert len(list(path.parent.glob("*.backup-*"))) == 1

    with closing(sqlite3.connect(path)) as connection:
        for change in reversed(applied["changes"]):
            for sql in change["undo"]:
                connection.execute(sql)
            connection.commit()
        left = connection.execute("SELECT name FROM sqlite_schema WHERE name != 'sqlite_stat1' ORDER BY 1")
        assert left.fetchall() == schema


def test_a_writer_that_holds_its_lock_is_waited_for_and_then_left_alone(shop: Callable[..., Path]) -> None:
    path = shop(3000, "wal")
    advice = advise(path, parse_log(_LOG), _QUICK)
    with closing(sqlite3.connect(path, isolation_level=None)) as application:
        application.execute("BEGIN IMMEDIATE")
        application.execute("INSERT INTO log VALUES (1)")
        with pytest.raises(DatabaseBusy) as refused:
            apply(path, advice, wait_s=0.2, max_lock_s=5)
        assert refused.value.exit_code == 4
        application.execute("COMMIT")  # the application's transaction was not disturbed
    assert not list(path.parent.glob("*.backup-*"))
    assert apply(path, advice, wait_s=0.2, max_lock_s=5).backup


def test_a_reader_in_a_rollback_mode_stops_nothing_half_way(shop: Callable[..., Path]) -> None:
    path = shop(3000)
    advice = advise(path, parse_log(_LOG), _QUICK)
    before = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as application:
        application.execute("BEGIN")
        application.execute("SELECT count(*) FROM users").fetchone()
        with pytest.raises(DatabaseBusy):
            apply(path, advice, wait_s=0.2, max_lock_s=5)
        assert path.read_bytes() == before


def test_an_application_goes_on_reading_and_writing_meanwhile(shop: Callable[..., Path]) -> None:
    path = shop(6000, "wal")
    advice = advise(path, parse_log(_LOG), _QUICK)
    source = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)\n"
        "print('ready', flush=True)\n"
        "n = 0\n"
        "while not sys.stdin.closed and n < 3000:\n"
        "    c.execute('INSERT INTO log VALUES (?)', (n,)); n += 1\n"
        "    c.execute('SELECT count(*) FROM users').fetchone()\n"
        "print(n, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as application:
        assert application.stdout is not None
        assert application.stdout.readline() == "ready\n"
        applied = apply(path, advice, wait_s=5, max_lock_s=5)
        printed, errors = application.communicate(timeout=60)
    assert (printed, errors) == ("3000\n", "")
    assert applied.backup
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (9000,)
    assert _sound(path)


def test_a_schema_that_changed_meanwhile_is_not_touched(shop: Callable[..., Path]) -> None:
    path = shop(3000)
    advice = advise(path, parse_log(_LOG), _QUICK)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE more (x)")
    with pytest.raises(Overtaken):
        apply(path, advice, wait_s=1, max_lock_s=5)
    assert not list(path.parent.glob("*.backup-*"))


def test_a_change_that_would_lock_for_too_long_is_refused(shop: Callable[..., Path]) -> None:
    path = shop(3000)
    advice = advise(path, parse_log(_LOG), _QUICK)
    with pytest.raises(DatabaseBusy, match="would make writers wait"):
        apply(path, advice, wait_s=1, max_lock_s=0)


def test_killed_at_any_time_the_file_is_sound_and_the_next_run_finishes(shop: Callable[..., Path]) -> None:
    path = shop(8000)
    before = _content(path)
    source = (
        "import pickle, sys; from pathlib import Path; from monitor.optimize.applying import apply\n"
        "advice = pickle.load(open(sys.argv[2], 'rb')); print('go', flush=True)\n"
        "apply(Path(sys.argv[1]), advice, wait_s=5, max_lock_s=60)\n"
    )
    import pickle

    for delay in (0.0, 0.005, 0.02, 0.04, 0.08, random.uniform(0, 0.1)):
        advice = advise(path, parse_log(_LOG), _QUICK)
        if not advice.changes:
            break
        plain = path.with_name("advice.pickle")
        plain.write_bytes(pickle.dumps(_picklable(advice)))
        with subprocess.Popen(
            [sys.executable, "-c", source, str(path), str(plain)], stdout=subprocess.PIPE, text=True
        ) as run:
            assert run.stdout is not None
            assert run.stdout.readline() == "go\n"
            time.sleep(delay)
            run.send_signal(signal.SIGKILL)
        assert _sound(path)
        assert _content(path) == before
        for backup in path.parent.glob("*.backup-????????-??????"):
            assert _content(backup) == before  # one that has its name is complete
    advice = advise(path, parse_log(_LOG), _QUICK)
    apply(path, advice, wait_s=5, max_lock_s=60)
    assert not advise(path, parse_log(_LOG), _QUICK).changes
    assert _content(path) == before
    assert undo_lines(advice.changes) is not None


def test_a_half_made_backup_of_a_killed_run_is_removed_and_others_are_kept(shop: Callable[..., Path]) -> None:
    path = shop(2000)
    stale, fresh, other = (
        path.with_name(f"{name}.partial") for name in ("shop.db.backup-1", "shop.db.backup-2", "x")
    )
    for one in (stale, fresh, other):
        one.write_bytes(b"half")
    for one in (stale, other):
        os.utime(one, (1.0, 1.0))
    backup = back_up(path, wait_s=1)
    assert (stale.exists(), fresh.exists(), other.exists()) == (False, True, True)
    assert _content(backup) == _content(path)


def _picklable(advice: object) -> object:
    from dataclasses import replace

    return replace(advice, log=None, queries=(), indexes=())  # type: ignore[type-var]
