"""The connection's settings as an application writes them: TypeORM, better-sqlite3, Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.optimize.settings import ConnectionPragma


def snippets(pragmas: Sequence[ConnectionPragma]) -> Mapping[str, str]:
    """Return, by library, the lines that set these on every connection; defaults are left out."""
    wanted = [pragma for pragma in pragmas if pragma.value != pragma.default]
    calls = "\n".join(f'    db.pragma("{pragma.name} = {pragma.value}");' for pragma in wanted)
    queries = "\n".join(
        f'await dataSource.query("PRAGMA {pragma.name} = {pragma.value}");' for pragma in wanted
    )
    lines = "\n".join(f'    connection.execute("PRAGMA {pragma.name} = {pragma.value}")' for pragma in wanted)
    return {
        "TypeORM with better-sqlite3": (
            'new DataSource({\n  type: "better-sqlite3",\n  enableWAL: true,\n  prepareDatabase: (db) => {\n'
            + calls
            + "\n  },\n})"
        ),
        "TypeORM with sqlite3": f'// type: "sqlite", enableWAL: true; once, after initialize():\n{queries}',
        "better-sqlite3": 'const db = new Database("app.db");\n' + calls.replace("    db", "db"),
        "Python sqlite3": (
            f"def open_database(path):\n    connection = sqlite3.connect(path)\n{lines}"
            "\n    return connection"
        ),
        "SQLAlchemy": (
            '@event.listens_for(engine, "connect")\ndef set_pragmas(connection, _record):\n' + lines
        ),
    }
