"""A SQLAlchemy engine whose statements are counted: times, slow ones, and a locked database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from monitor.middleware.recorder import Recorder
from monitor.middleware.sqlalchemy import measure_queries

if TYPE_CHECKING:
    from pathlib import Path


def test_statements_are_timed_and_slow_ones_kept_without_literals() -> None:
    engine, recorder = create_engine("sqlite://"), Recorder()
    measure_queries(engine, recorder, slow_ms=0)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT 'secret' || :more"), {"more": "parameter"}).scalar()
    assert found == "secretparameter"
    document = recorder.document()
    assert document["queries"]["count"] == 1
    assert list(document["slow_statements"]) == ["SELECT ? || ?"]
    assert "parameter" not in str(document)


def test_a_locked_database_and_other_errors_pass_and_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    engine, recorder = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0}), Recorder()
    measure_queries(engine, recorder)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"), engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
    with pytest.raises(OperationalError, match="no such table"), engine.begin() as connection:
        connection.execute(text("INSERT INTO u VALUES (1)"))
    engine.dispose()
    assert recorder.document()["queries"] == {
        **recorder.document()["queries"],
        "count": 3,
        "slow": 0,
        "busy_errors": 1,
    }
