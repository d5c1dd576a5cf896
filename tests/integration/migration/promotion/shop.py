"""A small real application: a process that writes without a pause and notes what was acknowledged.

Run as a program it is that process: `python shop.py URL FOLDER NAME`. As a module it is the `Application`
that a promotion stops, switches and restores.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil

#: Seconds after which a writer ends by itself, whatever happens to the test around it.
LIFE = 120.0
SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE,
                        created_at datetime NOT NULL DEFAULT (datetime('now')));
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, writer TEXT NOT NULL, n INTEGER NOT NULL,
                     customer INTEGER NOT NULL REFERENCES customers (id), body TEXT, UNIQUE (writer, n));
CREATE INDEX events_customer ON events (customer);
"""


def make_database(path: Path, *, rows: int = 300) -> None:
    """A shop's file with some history, in WAL mode as a web application would have it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)
        connection.executemany(
            "INSERT INTO customers (email) VALUES (?)", [(f"c{n}@shop.example",) for n in range(50)]
        )
        connection.executemany(
            "INSERT INTO events (customer, writer, n, body) VALUES (?, 'history', ?, ?)",
            [(n % 50 + 1, n, f"body {n} \\ \t \u00e4") for n in range(rows)],
        )
        connection.commit()


class Shop:
    """The application, as a promotion sees it.

    Args:
        folder: where it keeps the acknowledgements.
        source: its SQLite file.
        stops: False for an application that ignores its stop, so that only the fence ends its writing.
    """

    def __init__(self, folder: Path, source: Path, *, stops: bool = True) -> None:
        self.folder = folder
        self.source = source
        self.stops = stops
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, url: str) -> None:
        if self.runs_on == url:
            return
        self.end()
        name = f"w{len(list(self.folder.glob('acknowledged-*')))}"
        (self.folder / f"acknowledged-{name}").touch()
        process = subprocess.Popen(
            [sys.executable, __file__, url, str(self.folder), name],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._children.append(process)

    def end(self) -> None:
        end = time.monotonic() + 10
        while (running := self._processes()) and time.monotonic() < end:
            for process in running:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.01)
        while self._children:  # whoever was started earlier has ended: killed, or told by the fence
            self._children.pop().wait(10)

    def stop(self) -> None:
        if self.stops:
            self.end()

    def switch(self, dsn: str) -> None:
        with (self.folder / "switches").open("a") as log:
            log.write("switch\n")
        if (self.folder / "broken").exists():
            return
        self.start(dsn)

    def restore(self) -> None:
        if (self.folder / "cannot-restore").exists():
            raise RuntimeError("the shop cannot be started again")
        self.start(str(self.source))

    def healthy(self) -> bool:
        """Alive, and its writer has written something."""
        return any(
            (self.folder / f"acknowledged-{process.cmdline()[4]}").stat().st_size > 0
            for process in self._processes()
        )

    @property
    def runs_on(self) -> str | None:
        return next((process.cmdline()[2] for process in self._processes()), None)

    def acknowledged(self) -> set[tuple[str, int]]:
        """Every write that some writer was told is committed."""
        return {
            (path.name.removeprefix("acknowledged-"), int(line))
            for path in self.folder.glob("acknowledged-*")
            for line in path.read_text().splitlines()
        }

    def _processes(self) -> list[psutil.Process]:
        """Found by their arguments: who started one may have been killed before noting anything."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if words[1:2] == [__file__] and words[3:4] == [str(self.folder)]:
                found.append(process)
        return found


def write(url: str, folder: Path, name: str) -> None:
    """Write rows until the database refuses for good, and note each one that it has acknowledged."""
    acknowledged = os.open(folder / f"acknowledged-{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    end = time.monotonic() + LIFE
    number = 0
    insert = _sqlite(url) if not url.startswith("postgresql") else _postgres(url)
    while time.monotonic() < end:
        try:
            insert(name, number)
        except sqlite3.OperationalError:  # locked: a web application would try again, too
            time.sleep(0.002)
            continue
        except sqlite3.IntegrityError as error:
            (folder / "told").write_text(str(error))
            return
        os.write(acknowledged, f"{number}\n".encode())
        number += 1
        time.sleep(0.003)


def _sqlite(path: str):  # noqa: ANN202
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.05)

    def insert(name: str, number: int) -> None:
        connection.execute(
            "INSERT INTO events (customer, writer, n, body) VALUES (?, ?, ?, 'live')",
            (number % 50 + 1, name, number),
        )

    return insert


def _postgres(dsn: str):  # noqa: ANN202
    import psycopg

    connection = psycopg.connect(dsn, autocommit=True)

    def insert(name: str, number: int) -> None:
        connection.execute(
            "INSERT INTO events (customer, writer, n, body) VALUES (%s, %s, %s, 'live')",
            (number % 50 + 1, name, number),
        )

    return insert


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
