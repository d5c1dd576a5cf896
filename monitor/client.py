"""Asks a running sidecar for its assessment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    import httpx

    from monitor.serve.published import AssessmentDocument

_PATH: Final = "/api/metrics/scalability/assessment"


class BadMonitorAddress(MonitorError, UsageError):
    """--url is not the address of a monitor."""


class MonitorUnreachable(MonitorError):
    """The monitor does not answer, or not with an assessment."""


class TokenNeeded(MonitorError, UsageError):
    """The monitor asks for a bearer token, or for another one."""


def assessment_url(url: str) -> str:
    """Complete a monitor's address ("http://127.0.0.1:9464") to that of its assessment.

    Raises:
        BadMonitorAddress: it is no http address.
    """
    if not url.startswith(("http://", "https://")):
        raise BadMonitorAddress(f"{url} is not a monitor's address", next_step="use http://127.0.0.1:9464")
    base = url.rstrip("/").removesuffix(_PATH).removesuffix("/api/metrics/scalability")
    return base + _PATH


def fetch_json(url: str, path: str, *, token: str | None = None, timeout_s: float = 5.0) -> Any:
    """Fetch a JSON document of a monitor.

    Args:
        url: the monitor's address.
        path: the document's, from the root.
        token: its bearer token, if it asks for one.
        timeout_s: how long it may take to answer.

    Raises:
        BadMonitorAddress: the address is no http address.
        MonitorUnreachable: nothing answers there, or something else does.
        TokenNeeded: it asks for a token, or for another one.
    """
    address = assessment_url(url).removesuffix(_PATH) + path
    response = _get(url, address, token, timeout_s)
    try:
        if response.status_code != 200:
            raise ValueError(f"status {response.status_code}")  # noqa: TRY301
        return response.json()
    except ValueError as error:
        raise MonitorUnreachable(
            f"what answers at {url} is not a monitor of this version",
            why=f"its answer to {address}: {error}",
            next_step="check the address",
        ) from None


def fetch_assessment(url: str, *, token: str | None = None, timeout_s: float = 5.0) -> AssessmentDocument:
    """Fetch the current assessment, with how long its decision has held.

    Args:
        url: the monitor's address.
        token: its bearer token, if it asks for one.
        timeout_s: how long it may take to answer.

    Raises:
        BadMonitorAddress: the address is no http address.
        MonitorUnreachable: nothing answers there, or something else does.
        TokenNeeded: it asks for a token, or for another one.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  # slow to import

    from monitor.serve.published import AssessmentDocument  # noqa: PLC0415

    address = assessment_url(url)
    response = _get(url, address, token, timeout_s)
    try:
        return TypeAdapter(AssessmentDocument).validate_json(response.content)
    except ValidationError:
        raise MonitorUnreachable(
            f"what answers at {url} is not a monitor of this version",
            why=f"its answer to {address} (status {response.status_code}) is not an assessment",
            next_step="check the address",
        ) from None


def _get(url: str, address: str, token: str | None, timeout_s: float) -> httpx.Response:
    import httpx  # noqa: PLC0415  # slow to import, and most commands need no HTTP

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
            f"the monitor at {url} asks for another token"
            if token
            else f"the monitor at {url} asks for a token",
            next_step="name the environment variable that holds it with --token-env NAME",
        )
    return response
