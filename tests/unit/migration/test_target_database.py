"""Why no connection could be made, in words a user can act on, and never with the password."""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from migration.errors import TargetUnreachableError
from migration.target.database import connect
from migration.target.dsn import parse_dsn
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "hunter2-Zx9"
SSL_REQUEST = 80877103


@contextmanager
def server_that_refuses(sqlstate: str, message: str) -> Iterator[int]:
    """Speaks just enough of PostgreSQL's protocol (version 3) to refuse a client; gives its port."""
    fields = b"".join(
        kind + text.encode() + b"\0"
        for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", sqlstate), (b"M", message))
    )
    refusal = b"E" + struct.pack(">I", 4 + len(fields) + 1) + fields + b"\0"
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while (packet := client.recv(4096))[4:8] == struct.pack(">I", SSL_REQUEST):
                    client.sendall(b"N")
                if packet:
                    client.sendall(refusal)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def refusal_of(dsn: str) -> TargetUnreachableError:
    with pytest.raises(TargetUnreachableError) as caught:
        connect(parse_dsn(dsn))
    error = caught.value
    assert error.exit_code is ExitCode.FAILED
    assert error.next_step
    assert "\n" not in str(error), "one line"
    assert SECRET not in f"{error} {error.__cause__!r} {error.args}"
    assert error.__suppress_context__, "the driver's own error is not shown behind ours"
    return error


@pytest.mark.parametrize(
    ("sqlstate", "message", "said"),
    [
        ("28P01", 'password authentication failed for user "ada"', "does not accept the user or password"),
        ("3D000", 'database "shop" does not exist', "the database of .* does not exist"),
        ("28000", 'role "ada" does not exist', "knows no such user"),
        (
            "28000",
            'no pg_hba.conf entry for host "10.0.0.1", user "ada", no encryption',
            "does not let this user",
        ),
        ("53300", "sorry, too many clients already", "no connection left"),
        ("57P03", "the database system is starting up", "is starting or stopping"),
        ("XX000", "etwas anderes", "no connection to .* could be made"),
    ],
)
def test_a_refused_client_is_told_why(sqlstate: str, message: str, said: str) -> None:
    with server_that_refuses(sqlstate, message) as port:
        error = refusal_of(f"postgresql://ada:{SECRET}@127.0.0.1:{port}/shop")
    assert re.search(said, error.what)
    assert message in error.why
    assert f"ada@127.0.0.1:{port}/shop" in error.what


def test_a_server_without_encryption_is_named_where_encryption_is_required() -> None:
    with server_that_refuses("XX000", "never reached") as port:
        error = refusal_of(f"postgresql://ada:{SECRET}@127.0.0.1:{port}/shop?sslmode=require")
    assert "no encrypted connection" in error.what
    assert "sslmode" in error.next_step


def test_a_port_where_nobody_answers_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refusal_of(f"postgresql://ada:{SECRET}@127.0.0.1:{port}/shop")
    assert "does not answer" in error.what
    assert "pg_isready" in error.next_step


def test_a_server_that_accepts_and_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migration.target.database.CONNECT_TIMEOUT_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = refusal_of(
            f"host=127.0.0.1 port={listener.getsockname()[1]} user=ada password={SECRET} sslmode=disable"
        )
    assert "does not answer" in error.what


def test_a_missing_socket_and_an_unknown_host_are_named(tmp_path: Path) -> None:
    assert "does not answer" in refusal_of(f"host={tmp_path} user=ada password={SECRET}").what
    assert "does not answer" in refusal_of(f"postgresql://ada:{SECRET}@no-such-host.invalid/shop").what


def test_an_unknown_service_is_named() -> None:
    assert "service" in refusal_of("service=no_such_service").what
