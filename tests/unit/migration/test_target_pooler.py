"""A pooler that shares the server's sessions is refused; one that gives each client its own is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from migration.errors import TargetRefusedError
from migration.target import pooler
from migration.target.database import connected, connection_parameters, unencrypted
from migration.target.dsn import parse_dsn

DSN = parse_dsn("postgresql://app@pool.example:6432/shop")


def connection(*, told: int, session: int) -> Any:
    """A connection that was told one process number and works with another."""
    answer = SimpleNamespace(fetchone=lambda: (session,))
    return SimpleNamespace(execute=lambda _: answer, info=SimpleNamespace(backend_pid=told))


@pytest.mark.parametrize(
    ("told", "other", "refused"),
    [
        (7, None, False),  # the server itself: nobody else is asked
        (-5, 7, True),  # a second client was given the same session
        (-5, 8, False),  # each client has its own
        (-5, None, False),  # the second one waits for a session of its own
    ],
)
def test_a_session_that_two_connections_share_is_refused(
    told: int, other: int | None, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooler, "_session_of_another", lambda _: other)
    ask = connection(told=told, session=7)
    if not refused:
        pooler.refuse_shared_sessions(ask, DSN, {})
        return
    with pytest.raises(TargetRefusedError) as error:
        pooler.refuse_shared_sessions(ask, DSN, {})
    assert "pool_mode=session" in str(error.value)


def test_another_connection_has_a_session_of_its_own_on_a_server(database: str) -> None:
    with connected(database) as one:
        other = pooler._session_of_another(connection_parameters(parse_dsn(database)))
        assert other not in (None, one.info.backend_pid)
        assert pooler._session_of_another({"host": "/nowhere"}) is None


@pytest.mark.parametrize(
    ("host", "encrypted", "advised"),
    [
        ("db.example", False, True),
        ("db.example", True, False),
        ("/run/pg", False, False),
        ("::1", False, False),
    ],
)
def test_an_unencrypted_connection_across_a_network_is_told(
    host: str, encrypted: bool, advised: bool
) -> None:
    link: Any = SimpleNamespace(info=SimpleNamespace(host=host), pgconn=SimpleNamespace(ssl_in_use=encrypted))
    assert (unencrypted(link) is not None) is advised
