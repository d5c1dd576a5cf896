"""What a SQLite schema looks like: tables, columns, documents, references. Read by another process.

The monitor's own process may not use SQLite on the watched file (`sqlite_probe` says why), so a
short-lived one does: read-only, with at most twenty rows of a text column looked at to see whether they
are JSON. No value leaves it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from monitor.collect.postgresql_probe import is_connection_string
from monitor.snapshot import SchemaShape

_TIMEOUT_S: Final = 10.0
#: Run as `python -I -c`: it sees nothing of this project, and prints numbers only.
_PROGRAM: Final = r"""
import json, pathlib, sqlite3, sys
path = pathlib.Path(sys.argv[1]).absolute()
with path.open("rb") as file:
    wal = file.read(19)[18:] == b"\x02"
# A WAL database that nobody has open: a connection would make -wal and -shm files and leave them.
alone = wal and not pathlib.Path(str(path) + "-wal").exists()
options = "?mode=ro&immutable=1" if alone else "?mode=ro"
connection = sqlite3.connect(path.as_uri() + options, uri=True, timeout=0.5)
connection.execute("pragma query_only = 1")
connection.text_factory = bytes
quote = lambda name: '"' + name.replace('"', '""') + '"'
tables = columns = documents = references = partial = 0
rows = connection.execute(
    "select type, name, coalesce(sql, '') from sqlite_master where name not like 'sqlite!_%' escape '!'"
).fetchall()
for kind, name, sql in rows:
    name, sql = name.decode("utf-8", "replace"), sql.decode("utf-8", "replace")
    if kind == b"index":
        head, _, rest = sql.partition("(")
        partial += " where " in (" " + rest.lower().replace("\n", " ")) or "(" in rest
        continue
    if kind != b"table" or sql.upper().startswith("CREATE VIRTUAL"):
        continue
    tables += 1
    references += len({row[0] for row in connection.execute(f"pragma foreign_key_list({quote(name)})")})
    for _, column, declared, *_ in connection.execute(f"pragma table_info({quote(name)})").fetchall():
        columns += 1
        column, declared = column.decode("utf-8", "replace"), declared.decode("utf-8", "replace").upper()
        if "JSON" in declared:
            documents += 1
            continue
        if declared and not any(word in declared for word in ("TEXT", "CHAR", "CLOB")):
            continue
        seen = connection.execute(f"select {quote(column)} from {quote(name)} limit 20").fetchall()
        found = [value for (value,) in seen if isinstance(value, bytes) and value.strip()]
        def document(value):
            try:
                return value.lstrip()[:1] in (b"{", b"[") and isinstance(json.loads(value), (dict, list))
            except ValueError:
                return False
        documents += bool(found) and all(map(document, found))
print(json.dumps([tables, columns, documents, references, partial]))
"""


class ShapeReader:
    """Reads a schema's shape beside everything else; what cannot be read is not known.

    Args:
        target: a SQLite file, or a connection string, of which nothing is read.
    """

    def __init__(self, target: str) -> None:
        self._found: SchemaShape | None = None
        self._thread: threading.Thread | None = None
        if not is_connection_string(target):
            path = Path(target)
            self._thread = threading.Thread(target=self._run, args=(path,), name="outgrow-shape", daemon=True)
            self._thread.start()

    def read(self) -> SchemaShape | None:
        """Return the shape, None while it is not known."""
        return self._found

    def wait(self) -> SchemaShape | None:
        """Return the shape once the reading has ended."""
        if self._thread is not None:
            self._thread.join(_TIMEOUT_S + 1)
        return self._found

    def _run(self, path: Path) -> None:
        self._found = read_shape(path)


def read_shape(path: Path) -> SchemaShape | None:
    """Read the shape of a SQLite file in another process; None where that fails."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, str(path)],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={"PATH": os.environ.get("PATH", "")},
            stdin=subprocess.DEVNULL,
        )
        numbers: Any = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if numbers is None:
        return None
    names = [field.name for field in fields(SchemaShape)]
    return SchemaShape(**dict(zip(names, numbers, strict=True)))
