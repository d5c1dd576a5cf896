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
import threading
import weakref
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from monitor.middleware.recorder import Recorder

#: Where the sidecar listens unless told otherwise.
DEFAULT_PUSH_URL: Final = "http://127.0.0.1:9464/api/metrics/scalability/push"
#: How long one push may take, in seconds; at the process's end it gets a quarter of a second.
_TIMEOUT_S: Final = 1.0
_LAST_TIMEOUT_S: Final = 0.25
_MAX_ANSWER: Final = 4096


class Pusher:
    """Pushes a recorder's document periodically.

    Args:
        recorder: what to push.
        url: the sidecar's push address, http or https.
        interval_s: seconds between two pushes.
        token: the sidecar's bearer token, if it asks for one.

    Raises:
        ValueError: the address is not an http(s) one.
    """

    def __init__(
        self, recorder: Recorder, url: str, *, interval_s: float = 5.0, token: str | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not an http address to push to")
        self._recorder = recorder
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path or "/"
        self._interval_s = interval_s
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._thread: threading.Thread | None = None
        self._process = 0
        self._stop = threading.Event()
        #: How many pushes have not arrived.
        self.failures = 0

    def start(self) -> None:
        """Start pushing, once a process; a forked worker starts its own thread with its first request."""
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outgrow-push", daemon=True)
        self._thread.start()
        _at_exit(self)

    def stop(self) -> None:
        """End the thread and push what was counted last; at most a quarter of a second."""
        thread, self._thread = self._thread, None
        if thread is None or self._process != os.getpid():
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
        make = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = make(self._host, self._port, timeout=timeout_s)
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


def _at_exit(pusher: Pusher) -> None:
    """Push the last counts when the process ends, without keeping the pusher alive for it."""
    alive = weakref.ref(pusher)

    def last() -> None:
        found = alive()
        if found is not None:
            found.stop()

    atexit.register(last)
