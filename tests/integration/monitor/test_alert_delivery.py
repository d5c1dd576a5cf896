"""Alerts as receivers get them: over real HTTP, SMTP with STARTTLS, and SNS at moto's edge."""

from __future__ import annotations

import datetime as dt
import json
import logging
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from monitor.alerts.config import AlertsConfig
from monitor.alerts.delivery import Delivery, Pace
from monitor.alerts.messages import Event, Message, as_slack, as_subject, as_text, as_webhook
from monitor.alerts.senders import DeliveryRefused, send
from monitor.alerts.states import Change
from monitor.alerts.table import AlertGroup, AlertSeverity
from monitor.alerts.trial import try_receivers
from monitor.phases import load_phase
from monitor.store.history import History
from monitor.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK = Pace(attempts=2, first_s=0.01, longest_s=0.02, rest_s=0.05, longest_rest_s=0.1)


class Hook:
    """A webhook that answers as told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status, self.got, self.headers = 200, [], []  # type: ignore[var-annotated]
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status == 200:
                    hook.got.append(json.loads(body))
                    hook.headers.append(dict(self.headers))
                self.send_response(hook.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.close()


def config(*receivers: dict[str, Any], **timing: Any) -> AlertsConfig:
    return AlertsConfig.model_validate(
        {"receivers": receivers, "timing": {"group_wait": 0, "repeat": 0, **timing}}
    )


def event(
    alert: str = "p95_ms_warning", change: Change = Change.FIRING, fired_at: float = 1e9, **more: Any
) -> Event:
    values: dict[str, Any] = {
        "severity": AlertSeverity.WARNING,
        "group": AlertGroup.PERFORMANCE,
        "metric": "p95_ms",
        "title": "Response time P95",
        "summary": "past its <limit> & more",
        "shown": "245.8 ms, limit 200 ms",
        "value": 245.8,
        "limit": 200.0,
        "runbook": "docs/runbooks.md#response-time-p95",
        "ended_at": 1e9 + 60 if change is Change.RESOLVED else None,
    }
    return Event(alert, change, **{**values, **more, "fired_at": fired_at})


def started(told: AlertsConfig, history: History | None = None, **options: Any) -> Delivery:
    delivery = Delivery(told, history or History(), monitor="shop.db", phase="phase-1", pace=QUICK, **options)
    delivery.start()
    return delivery


def test_a_webhook_gets_what_fires_and_its_end_once_in_alertmanagers_shape(
    hook: Hook, waiting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "hush")
    delivery = started(
        config({"name": "w", "type": "webhook", "url": hook.url, "authorization_env": "HOOK_TOKEN"})
    )
    delivery.add([event()])
    waiting(lambda: len(hook.got) == 1)
    delivery.add([event()])  # a repetition is none
    delivery.add([event(change=Change.RESOLVED)])
    waiting(lambda: len(hook.got) == 2)
    delivery.stop()
    first, last = hook.got
    assert (first["version"], first["status"], last["status"]) == ("4", "firing", "resolved")
    assert first["alerts"][0]["labels"]["severity"] == "warning"
    assert first["alerts"][0]["fingerprint"] == last["alerts"][0]["fingerprint"]
    assert last["alerts"][0]["endsAt"] == "2001-09-09T01:47:40Z"
    assert hook.headers[0]["Authorization"] == "Bearer hush"
    assert hook.headers[0]["Idempotency-Key"] != hook.headers[1]["Idempotency-Key"]


def test_a_dead_receiver_holds_up_nobody_and_loses_nothing(hook: Hook, waiting: Callable[..., Any]) -> None:
    other = Hook()
    other.status = 503
    delivery = started(
        config(
            {"name": "dead", "type": "webhook", "url": other.url},
            {"name": "gone", "type": "webhook", "url": "http://127.0.0.1:1/"},
            {"name": "well", "type": "webhook", "url": hook.url},
        )
    )
    delivery.add([event()])
    waiting(lambda: len(hook.got) == 1)
    waiting(lambda: delivery.statuses()[0].failed >= 2)
    delivery.add(
        [event(change=Change.RESOLVED), event("cpu_percent_warning", metric="cpu_percent", fired_at=2e9)]
    )
    waiting(lambda: len(hook.got) == 2)
    other.status = 200
    waiting(lambda: other.got)
    delivery.stop()
    other.close()
    # One message with all that is left to say: the end names both times, the next alert is there.
    told = {(alert["labels"]["alertname"], alert["status"]) for alert in other.got[0]["alerts"]}
    assert told == {("p95_ms_warning", "resolved"), ("cpu_percent_warning", "firing")}
    statuses = {status.name: status for status in delivery.statuses()}
    assert statuses["gone"].last_error == "gone cannot be reached; because ConnectError"
    assert statuses["dead"].last_error is None


def test_what_was_not_told_is_told_after_a_restart(
    hook: Hook, tmp_path: Path, waiting: Callable[..., Any]
) -> None:
    told = config({"name": "w", "type": "webhook", "url": hook.url})
    hook.status = 500
    history = History(open_store(tmp_path / "store.history"))
    delivery = started(told, history)
    delivery.add([event()])
    waiting(lambda: delivery.statuses()[0].failed)
    delivery.stop()
    history.close()
    hook.status = 200
    again = History(open_store(tmp_path / "store.history"))
    delivery = started(told, again)
    waiting(lambda: len(hook.got) == 1)
    delivery.add([event()])
    time.sleep(0.1)
    delivery.stop()
    again.close()
    assert len(hook.got) == 1


def test_changes_of_one_moment_are_one_message_and_floods_are_put_together(
    hook: Hook, waiting: Callable[..., Any]
) -> None:
    receiver = {"name": "w", "type": "webhook", "url": hook.url, "max_per_hour": 1}
    delivery = started(config(receiver, group_wait=0.1))
    delivery.add([event(fired_at=1.0)])
    delivery.add([event("cpu_percent_warning", fired_at=2.0)])
    waiting(lambda: len(hook.got) == 1)
    assert len(hook.got[0]["alerts"]) == 2
    for number in range(4):
        delivery.add([event(fired_at=100.0 + number)])
        waiting(lambda number=number: len(hook.got) == 2 + number)
    # A burst of five is used up, and the next may go in an hour: what comes until then waits together.
    delivery.add([event(fired_at=200.0), event(fired_at=201.0)])
    time.sleep(0.5)
    assert len(hook.got) == 5
    assert delivery.statuses()[0].waiting == 2
    delivery.stop()


def test_what_still_fires_is_told_again(hook: Hook, waiting: Callable[..., Any]) -> None:
    delivery = started(config({"name": "w", "type": "webhook", "url": hook.url}, repeat=0.3))
    delivery.add([event()])
    waiting(lambda: len(hook.got) >= 2)
    delivery.stop()
    assert hook.got[0]["alerts"] == hook.got[1]["alerts"]


def test_no_secret_reaches_a_log_or_an_error(
    hook: Hook, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, waiting: Callable[..., Any]
) -> None:
    monkeypatch.setenv("SLACK_URL", hook.url + "/T000/SECRET-PATH")
    monkeypatch.setenv("HOOK_TOKEN", "SECRET-TOKEN")
    caplog.set_level(logging.DEBUG)
    delivery = started(
        config(
            {"name": "s", "type": "slack", "url_env": "SLACK_URL"},
            {"name": "w", "type": "webhook", "url": "http://127.0.0.1:1/", "authorization_env": "HOOK_TOKEN"},
            {"name": "n", "type": "slack", "url_env": "NOT_SET"},
        )
    )
    delivery.add([event()])
    waiting(lambda: hook.got and all(status.failed for status in delivery.statuses()[1:]))
    hook.status = 404
    delivery.add([event(fired_at=5.0)])
    waiting(lambda: delivery.statuses()[0].failed)
    delivery.stop()
    shown = caplog.text + repr(caplog.records) + repr(delivery.statuses())
    assert "SECRET" not in shown
    assert "s answered 404" in shown
    assert "the environment variable NOT_SET" in shown


@pytest.mark.parametrize("status", [301, 307, 401, 404])
def test_redirects_are_not_followed_and_refusals_say_so(hook: Hook, status: int) -> None:
    hook.status = status
    receiver = config({"name": "w", "type": "webhook", "url": hook.url}).receivers[0]
    with pytest.raises(DeliveryRefused, match=f"w answered {status}"):
        send(receiver, Message((event(),), "shop.db", "phase-1", "w"))


def test_slack_gets_its_markup_escaped() -> None:
    message = Message((event(), event("x", title="*bold* `code`")), "<shop>&.db", "phase-1", "s")
    document = as_slack(message)
    text = json.dumps(document, ensure_ascii=False)
    assert "<limit>" not in text
    assert "&lt;limit&gt; &amp; more" in text
    assert "&lt;shop&gt;&amp;.db" in document["text"]
    assert "`" not in text


def test_a_subject_is_one_short_line_of_ascii() -> None:
    message = Message((event(title="größer\r\nBcc: all@example.org " + "x" * 200),), "s", "phase-1", "m")
    subject = as_subject(message)
    assert len(subject) <= 100
    assert subject.isascii()
    assert "\n" not in subject
    assert "runbook: docs/runbooks.md" in as_text(message)
    assert as_webhook(message)["alerts"][0]["value"] == 245.8


def test_sns_gets_subject_text_and_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from moto import mock_aws
    from moto.sns.models import sns_backends

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        topic = boto3.client("sns", region_name="eu-west-1").create_topic(Name="alerts")["TopicArn"]
        told = config({"name": "q", "type": "sns", "topic_arn": topic})
        assert [trial.error for trial in try_receivers(told, load_phase("phase-1"))] == [None]
        sent = sns_backends["123456789012"]["eu-west-1"].topics[topic].sent_notifications
        assert "[TEST] WARNING" in sent[0][2]
        missing = config({"name": "q", "type": "sns", "topic_arn": topic + "x"})
        assert try_receivers(missing, load_phase("phase-1"))[0].error == "q: SNS answered NotFound"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(pem, form, plain))
    return certificate, secret


def test_a_mail_goes_out_encrypted_and_with_its_password_only(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    mails: list[Any] = []

    class Handler:
        async def handle_DATA(  # noqa: N802  # the name aiosmtpd calls
            self, _server: Any, session: Any, envelope: Any
        ) -> str:
            mails.append((session.ssl is not None, envelope))
            return "250 OK"

    def authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"outgrow", b"SECRET-WORD"), handled=False)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticator,
    )
    controller.start()
    mail = {
        "name": "m",
        "type": "email",
        "host": "localhost",
        "port": port,
        "ca_file": str(certificate[0]),
        "username": "outgrow",
        "password_file": str(tmp_path / "password"),
        "from": "outgrow@example.org",
        "to": ["ops@example.org", "dba@example.org"],
    }
    try:
        (tmp_path / "password").write_text("SECRET-WORD\n")
        assert try_receivers(config(mail), load_phase("phase-1"))[0].error is None
        encrypted, envelope = mails[0]
        assert encrypted
        assert envelope.rcpt_tos == ["ops@example.org", "dba@example.org"]
        assert b"Subject: [TEST] WARNING" in envelope.content
        (tmp_path / "password").write_text("SECRET-OTHER")
        wrong = try_receivers(config(mail), load_phase("phase-1"))[0].error or ""
        assert "refuses the login (535)" in wrong
        untrusted = try_receivers(config({**mail, "ca_file": None}), load_phase("phase-1"))[0].error or ""
        assert "no encrypted connection" in untrusted
        assert "SECRET" not in wrong + untrusted
        assert len(mails) == 1
    finally:
        controller.stop()
