"""The one place that calls AWS: reads only, page after page, and slows down while AWS throttles."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from infra.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Retries of one call; adaptive mode also slows down while AWS throttles.
ATTEMPTS: Final = 8
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 20
EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
INVALID: Final = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}
)
DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "OptInRequired",
        "SubscriptionRequiredException",
    }
)


class NoAwsAccess(InfraError):
    """AWS does not know who is asking."""


class NotAnswered(Exception):
    """One call that AWS did not answer; the message says which and why."""


class Reader:
    """Reads from AWS.

    Args:
        session: boto3's; by default made of the environment, as every AWS tool does.
    """

    def __init__(self, session: boto3.Session | None = None) -> None:
        try:
            self._session = session or boto3.Session()
        except ProfileNotFound as error:
            raise NoAwsAccess(
                "there is no such AWS profile", why=str(error), next_step="correct AWS_PROFILE"
            ) from None
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def identity(self, region: str) -> tuple[str, str]:
        """Give the account and the ARN that are asking.

        Raises:
            NoAwsAccess: there are no credentials, or they are expired or wrong.
        """
        try:
            answer = self._client("sts", region).get_caller_identity()
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise NoAwsAccess(
                "there are no AWS credentials",
                why=str(error),
                next_step="aws sso login, or set AWS_PROFILE; then run the same command again",
            ) from None
        except ClientError as error:
            code = error.response["Error"]["Code"]
            what = "the AWS credentials have expired" if code in EXPIRED else "AWS refuses these credentials"
            raise NoAwsAccess(
                what,
                why=error.response["Error"].get("Message") or code,
                next_step="aws sso login, or make new ones; then run the same command again",
            ) from None
        except BotoCoreError as error:
            raise NoAwsAccess(
                "AWS cannot be asked", why=str(error), next_step="check the network and the region"
            ) from None
        return str(answer["Account"]), str(answer["Arn"])

    def items(self, region: str, service: str, operation: str, key: str, **params: Any) -> list[Any]:
        """Give all items of a listing, page after page.

        Args:
            region: where to ask.
            service: boto3's name of the service.
            operation: boto3's name of the call, such as "describe_vpcs".
            key: the member of the answer that holds the items.
            **params: the call's own.

        Raises:
            NotAnswered: AWS refused, or did not answer in time.
        """
        return [
            item for page in self._pages(region, service, operation, params) for item in page.get(key, ())
        ]

    def one(self, region: str, service: str, operation: str, key: str, **params: Any) -> dict[str, Any]:
        """Give the one thing that a call answers with; parameters and errors as `items`."""
        pages = self._pages(region, service, operation, params)
        return dict(next(pages)[key])

    def _pages(
        self, region: str, service: str, operation: str, params: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        try:
            client = self._client(service, region)
            if client.can_paginate(operation):
                yield from client.get_paginator(operation).paginate(**params)
            else:
                yield getattr(client, operation)(**params)
        except ClientError as error:
            raise NotAnswered(_why(service, operation, error)) from error
        except BotoCoreError as error:
            raise NotAnswered(f"{service} in {region} did not answer: {error}") from error

    def _client(self, service: str, region: str) -> Any:
        with self._lock:  # making clients is not thread-safe, using them is
            key = (service, region)
            if key not in self._clients:
                retries: Any = {"mode": "adaptive", "total_max_attempts": ATTEMPTS}
                config = Config(retries=retries, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
                self._clients[key] = self._session.client(service, region_name=region, config=config)
            return self._clients[key]


def error_code(error: NotAnswered) -> str:
    """Give AWS's code of what was not answered; "" where the network failed."""
    cause = error.__cause__
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else ""


def _why(service: str, operation: str, error: ClientError) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    action = f"{service}:{''.join(part.title() for part in operation.split('_'))}"
    if code in DENIED:
        return f"{action} is not allowed: {message or code}"
    return f"{action}: {code}: {message}"
