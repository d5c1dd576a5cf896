"""An application that uses SQLite in a process of its own, told what to do line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Answers each JSON line [operation, argument] with a JSON line: the result, or {"error": text}.
_APPLICATION = """
import json, os, sqlite3, sys
path = sys.argv[1]
connection = None
for line in sys.stdin:
    operation, argument = json.loads(line)
    try:
        result = None
        if operation == "open":
            connection = sqlite3.connect(path, isolation_level=None, timeout=argument)
        elif operation == "close":
            connection.close()
        elif operation == "sql":
            result = connection.execute(argument).fetchall()
        elif operation == "commit":  # so many write transactions of one row each
            for number in range(argument):
                connection.execute("insert into t values (?)", (number,))
        elif operation == "open and close the file":
            os.close(os.open(path + argument, os.O_RDONLY))
        print(json.dumps(result), flush=True)
    except sqlite3.Error as error:
        print(json.dumps({"error": str(error)}), flush=True)
"""


class Application:
    """A process with a connection to a SQLite database; the test itself must not open the file."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _APPLICATION, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.open()

    def _do(self, operation: str, argument: Any = None) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([operation, argument]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def open(self, timeout: float = 5) -> None:
        """Connect; statements wait so many seconds for a lock."""
        self._do("open", timeout)

    def close(self) -> None:
        """Close the connection."""
        self._do("close")

    def sql(self, statement: str) -> Any:
        """Run one statement; answer its rows, or {"error": ...}."""
        return self._do("sql", statement)

    def commit(self, count: int) -> None:
        """Commit so many write transactions."""
        assert self._do("commit", count) is None

    def open_and_close_the_file(self, suffix: str = "") -> None:
        """What no process that uses SQLite may do."""
        assert self._do("open and close the file", suffix) is None

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Callable[..., Application]]:
    """Start applications on one database file; the first makes its table, in the journal mode asked for."""
    started: list[Application] = []

    def start(journal_mode: str | None = None) -> Application:
        one = Application(tmp_path / "shop.db")
        started.append(one)
        if journal_mode:
            assert one.sql(f"pragma journal_mode={journal_mode}") == [[journal_mode]]
            one.sql("create table t (x)")
        return one

    yield start
    for one in started:
        one.end()
