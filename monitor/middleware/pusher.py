"""Sends a worker's counters to the sidecar every few seconds, from a thread of its own.

Fire and forget: a sidecar that is gone, slow or wrong costs the application nothing. Counters are cumulative,
so the next push that arrives carries everything.
"""

from __future__ import annotations

import atexit
import base64
import http.client
import json
import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.middleware.recorder import Recorder

#: Where the sidecar takes pushes.
PUSH_PATH: Final = "/api/metrics/scalability/push"
#: Where the sidecar listens unless told otherwise.
DEFAULT_PUSH_URL: Final = f"http://127.0.0.1:9464{PUSH_PATH}"
#: Set to "off" it turns the middleware into a plain pass-through, here as in the Express package.
KILL_SWITCH: Final = "OUTGROW_MONITORING"
#: How long one push may take, in seconds; at the process's end it gets a quarter of a second.
_TIMEOUT_S: Final = 1.0
_LAST_TIMEOUT_S: Final = 0.25
_MAX_ANSWER: Final = 4096


def monitoring_is_off() -> bool:
    """Say whether the environment switches monitoring off."""
    return os.environ.get(KILL_SWITCH, "").lower() == "off"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._socket_path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)


class Pusher:
    """Pushes a recorder's document periodically.

    Args:
        recorder: what to push.
        url: the sidecar's push address: http, https, or "unix:/path/of/its.sock". None takes the sidecar of
            OUTGROW_SIDECAR_URL, else port 9464 of this machine.
        interval_s: seconds between two pushes.
        token: the sidecar's bearer token, if it asks for one; None takes OUTGROW_MONITOR_TOKEN.

    Raises:
        ValueError: the address is none of these.
    """

    def __init__(
        self,
        recorder: Recorder,
        url: str | None = None,
        *,
        interval_s: float = 5.0,
        token: str | None = None,
    ) -> None:
        self._connect, self._path = _way(url if url is not None else _default_url())
        self._recorder = recorder
        self._interval_s = interval_s
        self._headers = {"Content-Type": "application/json"}
        token = token or os.environ.get("OUTGROW_MONITOR_TOKEN")
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._thread: threading.Thread | None = None
        #: Whether this process pushes; a forked child does not until it is told to.
        self.running = False
        self._stop = threading.Event()
        #: How many pushes have not arrived.
        self.failures = 0
        _after_fork(self)

    def start(self) -> None:
        """Start pushing, once a process; a forked worker starts its own thread with its first request."""
        if self.running:
            return
        self.running = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outgrow-push", daemon=True)
        self._thread.start()
        _at_exit(self)

    def stop(self) -> None:
        """End the thread and push what was counted last; at most a quarter of a second."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stop.set()
        self.push(_LAST_TIMEOUT_S)

    def push(self, timeout_s: float = _TIMEOUT_S) -> bool:
        """Push once and take the key for clients from the answer; say whether it arrived. Never raises."""
        try:
            self._exchange(timeout_s)
        except Exception:  # noqa: BLE001  # whatever goes wrong here is not the application's problem
            self.failures += 1
            return False
        return True

    def _run(self) -> None:
        stop = self._stop
        self.push()
        while not stop.wait(self._interval_s):
            self.push()

    def _exchange(self, timeout_s: float) -> None:
        body = json.dumps(self._recorder.document(), separators=(",", ":"))
        connection = self._connect(timeout_s)
        try:
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            answer = response.read(_MAX_ANSWER)
        finally:
            connection.close()
        if response.status != 200:
            raise ConnectionError(f"the sidecar answered {response.status}")
        data = json.loads(answer)
        self._recorder.use_salt(base64.b64decode(data["salt"], validate=True), str(data["salt_id"]))


def _default_url() -> str:
    sidecar = os.environ.get("OUTGROW_SIDECAR_URL")
    if not sidecar:
        return DEFAULT_PUSH_URL
    return sidecar if sidecar.startswith("unix:") else sidecar.rstrip("/") + PUSH_PATH


def _way(url: str) -> tuple[Callable[[float], http.client.HTTPConnection], str]:
    """Return what connects to an address, given seconds, and the path to post to."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path.startswith("/"):
        return lambda timeout: _UnixConnection(parts.path, timeout), PUSH_PATH
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url} is not an http address to push to")
    host, port = parts.hostname, parts.port
    if parts.scheme == "https":
        return lambda timeout: http.client.HTTPSConnection(host, port, timeout=timeout), parts.path or "/"
    return lambda timeout: http.client.HTTPConnection(host, port, timeout=timeout), parts.path or "/"


def _after_fork(pusher: Pusher) -> None:
    """Let a forked child start a thread of its own; the reference is weak."""
    alive = weakref.ref(pusher)

    def restart() -> None:
        child = alive()
        if child is not None:
            child.running = False
            child._thread = None  # noqa: SLF001  # this module's own class

    os.register_at_fork(after_in_child=restart)


def _at_exit(pusher: Pusher) -> None:
    """Push the last counts when the process ends, without keeping the pusher alive for it."""
    alive = weakref.ref(pusher)

    def last() -> None:
        found = alive()
        if found is not None:
            found.stop()

    atexit.register(last)
