"""Asks a Prometheus (or what speaks its query interface) one question at a time: a number, or a reason.

No redirect is followed, no proxy is taken from the environment, an answer is read up to a limit, and no
credential appears in any message.
"""

from __future__ import annotations

import importlib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx

from monitor.errors import MonitorError, UsageError
from monitor.serve.guard import is_loopback

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

#: Seconds a query may take; Prometheus is asked to give up then too.
TIMEOUT_S: Final = 5.0
_LARGEST: Final = 1_000_000
#: What Mimir and Cortex take as a tenant; | joins several.
_TENANT: Final = re.compile(r"[A-Za-z0-9!\-_.*'()|]{1,150}")
_NOT_ONE: Final = "the query answers {} series; aggregate it to one, for instance with max(...)"


class BadPrometheus(MonitorError, UsageError):
    """The address is not one of a Prometheus, or its credentials cannot be used."""


class Unreachable(Exception):  # named after what happened
    """Prometheus does not answer at all: further queries need not be tried."""


class QueryFailed(Exception):  # named after what happened
    """Prometheus refuses one query, or its answer is not one number."""


class Asks(Protocol):
    """Answers PromQL with a number."""

    def ask(self, query: str) -> float | None:
        """Answer one query; None where there is no data."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True)
class Credentials:
    """How Prometheus knows us. At most one of the first two, or neither.

    Args:
        token: a bearer token.
        token_file: a file that holds it, read before each round, because such tokens are exchanged.
        sigv4_region: sign for Amazon's managed Prometheus in this region.
    """

    token: str | None = None
    token_file: Path | None = None
    sigv4_region: str | None = None

    def __repr__(self) -> str:
        """Tell no secret."""
        return "Credentials(...)"


class PrometheusApi:
    """A connection to one Prometheus.

    Args:
        url: such as http://127.0.0.1:9090; a path in front of /api/v1/query may follow. A user and password
            in it are sent as basic authentication and shown nowhere.
        credentials: a bearer token or AWS's signature instead.
        tenant: sent as X-Scope-OrgID, by which Mimir, Cortex and Thanos tell whose series are asked for.
        insecure: let credentials travel without encryption to another machine.
        transport: of the requests; the network by default.

    Raises:
        BadPrometheus: the address cannot be used, or AWS has no credentials here.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        tenant: str | None = None,
        insecure: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        parsed = _checked(url)
        plain = parsed.copy_with(userinfo=b"")
        given = credentials or Credentials()
        auth: httpx.Auth | None = None
        if given.sigv4_region is not None:
            auth = _Signature(given.sigv4_region)
        elif given.token is not None or given.token_file is not None:
            auth = _Bearer(given)
        elif parsed.username:
            auth = httpx.BasicAuth(parsed.username, parsed.password)
        if auth is not None and not insecure:
            _check_encryption(parsed)
        #: The address without user and password.
        self.shown = str(plain)
        self._client = httpx.Client(
            auth=auth,
            headers=_tenant_header(tenant),
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )
        self._endpoint = plain.copy_with(path=plain.path.rstrip("/") + "/api/v1/query")

    def ask(self, query: str) -> float | None:
        """Answer one query.

        Returns:
            The number; None where there is no data, or it is NaN or infinite.

        Raises:
            Unreachable: nobody answers, or not in time, or lets us in.
            QueryFailed: the query is refused, or does not answer one number.
        """
        form = {"query": query, "timeout": f"{TIMEOUT_S:g}s"}
        try:
            with self._client.stream("POST", self._endpoint, data=form) as response:
                body = b""
                for part in response.iter_bytes():
                    body += part
                    if len(body) > _LARGEST:
                        raise QueryFailed("the answer is too large")
                return _number(response, body)
        except httpx.TimeoutException:
            raise Unreachable(f"{self.shown} did not answer in {TIMEOUT_S:g} s") from None
        except httpx.TransportError as error:
            raise Unreachable(f"{self.shown} does not answer: {type(error).__name__}") from None
        except OSError as error:
            raise Unreachable(f"the token file cannot be read: {error.strerror}") from None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _number(response: httpx.Response, body: bytes) -> float | None:
    status = response.status_code
    if response.is_redirect:
        raise Unreachable("Prometheus redirects, which is not followed; give the address it redirects to")
    if status in (401, 403):
        raise Unreachable(f"Prometheus refuses the credentials (HTTP {status})")
    try:
        document: Any = json.loads(body)
        if document["status"] != "success":
            raise QueryFailed(f"Prometheus refuses the query: {str(document.get('error', ''))[:200]}")
        kind, result = document["data"]["resultType"], document["data"]["result"]
        if kind == "scalar":
            return _finite(result[1])
        if kind != "vector":
            raise QueryFailed(f"the query answers a {str(kind)[:20]}, not a number")
        if not result:
            return None
        if len(result) > 1:
            raise QueryFailed(_NOT_ONE.format(len(result)))
        return _finite(result[0]["value"][1])
    except (ValueError, KeyError, TypeError, IndexError):
        if status >= 500:
            raise Unreachable(f"Prometheus answers HTTP {status}") from None
        raise QueryFailed(f"the answer is not Prometheus's (HTTP {status})") from None


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise BadPrometheus(
            "--prometheus is not an address",
            why="it begins with http:// or https://, names a host, and has no query",
            next_step="write it like --prometheus http://127.0.0.1:9090",
        )
    return parsed


def _check_encryption(url: httpx.URL) -> None:
    """Refuse to send a token or password that everybody on the way could read."""
    if url.scheme == "https" or is_loopback(url.host):
        return
    raise BadPrometheus(
        f"credentials for {url.host} would travel without encryption",
        why="the address begins with http:// and is not this machine's",
        next_step="use https://, or --insecure where the network itself is trusted",
    )


def _tenant_header(tenant: str | None) -> dict[str, str]:
    if tenant is None:
        return {}
    if _TENANT.fullmatch(tenant) is None:
        raise BadPrometheus(
            "--prometheus-tenant is not a tenant's name",
            why="it holds letters, digits and !-_.*'()|, at most 150",
            next_step="write it like --prometheus-tenant shop",
        )
    return {"X-Scope-OrgID": tenant}


class _Bearer(httpx.Auth):
    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token, path = self._credentials.token, self._credentials.token_file
        if path is not None:
            token = path.read_text(encoding="utf-8").strip()
        request.headers["Authorization"] = f"Bearer {token}"
        yield request


class _Signature(httpx.Auth):
    """AWS's signature, version 4, made by botocore, which is imported only where it is asked for."""

    requires_request_body = True

    def __init__(self, region: str) -> None:
        session: Any = importlib.import_module("botocore.session").Session()
        self._credentials = session.get_credentials()
        if self._credentials is None:
            raise BadPrometheus(
                "AWS has no credentials here",
                why="--prometheus-sigv4 signs each query with them",
                next_step="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        self._region = region
        self._auth: Any = importlib.import_module("botocore.auth").SigV4Auth
        self._request: Any = importlib.import_module("botocore.awsrequest").AWSRequest

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        signed = self._request(
            method=request.method,
            url=str(request.url),
            data=request.content,
            headers={"Content-Type": request.headers["Content-Type"]},
        )
        self._auth(self._credentials.get_frozen_credentials(), "aps", self._region).add_auth(signed)
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if name in signed.headers:
                request.headers[name] = signed.headers[name]
        yield request
