"""Sends one message to one receiver, once. What may work later is told apart from what will not.

No error repeats an address, a header or a password: the address of a Slack webhook is its password.
"""

from __future__ import annotations

import importlib
import json
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.config import Email, Slack, Sns, Webhook
from monitor.alerts.messages import as_slack, as_subject, as_text, as_webhook
from monitor.alerts.secrets import read_secret
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.alerts.config import Receiver
    from monitor.alerts.messages import Message

#: Seconds for each of connecting, writing and reading.
TIMEOUT_S: Final = 10.0
#: So much of an answer is read at most.
_ANSWER_BYTES: Final = 64 * 1024
_TIMEOUTS: Final = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_S)
_LATER: Final = frozenset({408, 425, 429})


class DeliveryFailed(MonitorError):
    """A receiver did not take a message; trying again may help."""


class DeliveryRefused(DeliveryFailed):
    """A receiver refuses the message or its sender; trying again at once does not help."""


def send(receiver: Receiver, message: Message) -> None:
    """Send a message.

    Raises:
        DeliveryFailed: it was not taken.
        SecretMissing: a secret that the configuration names is not there.
    """
    match receiver:
        case Webhook():
            _send_webhook(receiver, message)
        case Slack():
            address = read_secret(f"{receiver.name}.url", receiver.url_env, receiver.url_file)
            _post(receiver.name, address, as_slack(message), {})
        case Sns():
            _send_sns(receiver, message)
        case Email():
            _send_email(receiver, message)


def _send_webhook(receiver: Webhook, message: Message) -> None:
    address = receiver.url or read_secret(f"{receiver.name}.url", receiver.url_env, receiver.url_file)
    headers = {"Idempotency-Key": message.id}
    if receiver.authorization_env is not None or receiver.authorization_file is not None:
        what = f"{receiver.name}.authorization"
        secret = read_secret(what, receiver.authorization_env, receiver.authorization_file)
        headers["Authorization"] = secret if " " in secret else f"Bearer {secret}"
    _post(receiver.name, address, as_webhook(message), headers)


def _post(name: str, address: str, document: dict[str, Any], headers: dict[str, str]) -> None:
    """POST JSON, without redirects and without proxies from the environment."""
    import httpx  # noqa: PLC0415  # loaded where something is sent

    try:
        request = httpx.Request(
            "POST",
            address,
            headers={"Content-Type": "application/json", "User-Agent": "outgrow-monitor", **headers},
            content=json.dumps(document, ensure_ascii=False).encode(),
            extensions={"timeout": _TIMEOUTS},
        )
        # The transport itself: a client would write the address, which may be secret, to the log.
        with httpx.HTTPTransport() as transport:
            response = transport.handle_request(request)
            status = response.status_code
            read = 0
            for piece in response.iter_raw():
                read += len(piece)
                if read > _ANSWER_BYTES:
                    break
            response.close()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, ValueError):
        raise DeliveryRefused(f"{name} cannot be reached", why="its address is not one") from None
    except httpx.TimeoutException:
        raise DeliveryFailed(f"{name} did not answer", why=f"it took over {TIMEOUT_S:g} s") from None
    except httpx.HTTPError as error:
        raise DeliveryFailed(f"{name} cannot be reached", why=type(error).__name__) from None
    if status >= 500 or status in _LATER:
        raise DeliveryFailed(f"{name} answered {status}")
    if not 200 <= status < 300:
        raise DeliveryRefused(f"{name} answered {status}", why="it refuses the message or its sender")


def _send_sns(receiver: Sns, message: Message) -> None:
    # Loaded where something is sent: it takes a quarter of a second, and few receivers need it.
    boto3 = importlib.import_module("boto3")
    settings = importlib.import_module("botocore.config")
    errors = importlib.import_module("botocore.exceptions")

    once = settings.Config(
        connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1}
    )
    fifo = (
        {"MessageGroupId": "outgrow", "MessageDeduplicationId": message.id}
        if receiver.topic_arn.endswith(".fifo")
        else {}
    )
    try:
        client = boto3.client(
            "sns", region_name=receiver.region, endpoint_url=receiver.endpoint_url, config=once
        )
        client.publish(
            TopicArn=receiver.topic_arn,
            Subject=as_subject(message),
            Message=as_text(message),
            MessageAttributes={
                "status": {"DataType": "String", "StringValue": message.status},
                "phase": {"DataType": "String", "StringValue": message.phase},
            },
            **fifo,
        )
    except errors.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "an error"))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        kind = DeliveryFailed if status >= 500 or "Throttl" in code else DeliveryRefused
        raise kind(f"{receiver.name}: SNS answered {code}") from None
    except errors.BotoCoreError as error:
        raise DeliveryFailed(f"{receiver.name}: SNS cannot be used", why=type(error).__name__) from None


def _send_email(receiver: Email, message: Message) -> None:
    password = None
    if receiver.username is not None:
        what = f"{receiver.name}.password"
        password = read_secret(what, receiver.password_env, receiver.password_file)
    try:
        context = ssl.create_default_context(cafile=receiver.ca_file)
    except OSError as error:
        raise DeliveryRefused(f"{receiver.name}: ca_file cannot be read", why=type(error).__name__) from None
    try:
        with _connect(receiver, context) as server:
            if receiver.security == "starttls":
                server.starttls(context=context)
            if receiver.username is not None and password is not None:
                server.login(receiver.username, password)
            server.send_message(_mail(receiver, message), receiver.sender, list(receiver.to))
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryRefused(
            f"{receiver.name}: the mail server refuses the login ({error.smtp_code})"
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(receiver, min(code for code, _ in error.recipients.values())) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(receiver, error.smtp_code) from None
    except smtplib.SMTPNotSupportedError:
        why = "it offers no STARTTLS" if receiver.security == "starttls" else "it offers no login"
        raise DeliveryRefused(f"{receiver.name}: the mail server cannot be used", why=why) from None
    except ssl.SSLError as error:
        raise DeliveryFailed(f"{receiver.name}: no encrypted connection", why=error.reason or "TLS") from None
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryFailed(
            f"{receiver.name}: the mail server cannot be reached", why=type(error).__name__
        ) from None


def _connect(receiver: Email, context: ssl.SSLContext) -> smtplib.SMTP:
    if receiver.security == "tls":
        return smtplib.SMTP_SSL(receiver.host, receiver.port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(receiver.host, receiver.port, timeout=TIMEOUT_S)


def _refused(receiver: Email, code: int) -> DeliveryFailed:
    kind = DeliveryRefused if code >= 500 else DeliveryFailed
    return kind(f"{receiver.name}: the mail server answered {code}")


def _mail(receiver: Email, message: Message) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = as_subject(message)
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.id}@{receiver.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(message))
    return mail
