"""Takes the slow statements that the application's middleware has pushed to a running monitor."""

from __future__ import annotations

from typing import Any, Final

from monitor.client import MonitorUnreachable, TokenNeeded, assessment_url
from monitor.optimize.errors import BadQueryLog
from monitor.optimize.querylog import Entry, QueryLog, group

_TAIL: Final = "/assessment"
#: What the middleware writes when a record is full: no statement.
_OTHER: Final = "<"


def fetch_slow_queries(url: str, *, token: str | None = None, timeout_s: float = 5.0) -> QueryLog:
    """Fetch a monitor's record of slow statements; their literals were taken out by the middleware.

    Raises:
        BadMonitorAddress: the address is no http address.
        MonitorUnreachable: nothing answers there, or something else does.
        TokenNeeded: it asks for a token, or for another one.
        BadQueryLog: it knows no slow statement.
    """
    import httpx  # noqa: PLC0415  # slow to import, and only this source of queries needs HTTP

    address = assessment_url(url).removesuffix(_TAIL)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        response = httpx.get(address, headers=headers, timeout=timeout_s, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise MonitorUnreachable(
            f"no monitor answers at {url}",
            why=str(error) or type(error).__name__,
            next_step="start one with: outgrow monitor serve --database FILE",
        ) from None
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise TokenNeeded(
            f"the monitor at {url} asks for {'another' if token else 'a'} token",
            next_step="name the environment variable that holds it with --token-env NAME",
        )
    try:
        return record_of(response.json(), url)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise MonitorUnreachable(
            f"what answers at {url} is not a monitor of this version",
            why=f"its answer to {address} (status {response.status_code}) has no record of slow statements",
            next_step="check the address",
        ) from None


def record_of(document: Any, url: str) -> QueryLog:
    """Read the record out of a monitor's metrics document.

    Raises:
        BadQueryLog: it is empty.
    """
    entries = [
        Entry(slow["sql"], None, slow["average_ms"], slow["count"])
        for slow in document["http"]["slow_statements"]
        if isinstance(slow["sql"], str) and not slow["sql"].startswith(_OTHER)
    ]
    log = group("monitor", entries)
    if not log.queries:
        raise BadQueryLog(
            f"the monitor at {url} knows no slow statement",
            why="the middleware has recorded none since it started; it needs TypeORM's data source or logger",
            next_step="give the application's queries with --queries FILE",
        )
    return log
