"""The alerts' configuration: one YAML file, checked before anything is sent.

Secrets never stand in it. What is secret is named: `..._env` an environment variable, `..._file` a file. They
are read anew for each delivery, so that a rotated secret needs no restart.
"""

from __future__ import annotations

import re
from pathlib import Path  # pydantic resolves it at run time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from monitor.alerts.table import ALERTS, PHASE_ALERTS, TIMING, AlertGroup, AlertSeverity, Timing
from monitor.errors import MonitorError, UsageError
from monitor.stack_file import StrictLoader

if TYPE_CHECKING:
    from typing import Self

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class BadAlertsConfig(MonitorError, UsageError):
    """A configuration of alerts that cannot be used; the message names the file and the key."""


def _seconds(value: object) -> object:
    """Read "90s", "15m", "4h", "1d" or a number of seconds."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value.strip())):
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a duration is needed, such as 30s, 15m, 4h")  # noqa: TRY004  # what pydantic reports
    return value


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address such as https://host/path is needed")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address holds a password; name it with url_env or url_file instead")
    return value


_Duration = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=30 * 86_400, allow_inf_nan=False)]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_Address = Annotated[str, AfterValidator(_address)]
_Mail = Annotated[str, Field(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Receiver(_Shape):
    """What every receiver has.

    Args:
        severities: of which alerts it hears.
        groups: of which groups of alerts it hears; of all by default.
        send_resolved: whether it hears of their end.
        max_per_hour: more messages than this wait, and are put together.
    """

    name: _Name
    severities: tuple[AlertSeverity, ...] = tuple(AlertSeverity)
    groups: tuple[AlertGroup, ...] = tuple(AlertGroup)
    send_resolved: bool = True
    max_per_hour: Annotated[int, Field(ge=1, le=3600)] = 30


class Webhook(_Receiver):
    """A POST of JSON, in the shape of Alertmanager's webhook."""

    type: Literal["webhook"]
    url: _Address | None = None
    url_env: _Variable | None = None
    url_file: Path | None = None
    authorization_env: _Variable | None = None
    authorization_file: Path | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        _exactly_one(self, "url", "url_env", "url_file")
        _at_most_one(self, "authorization_env", "authorization_file")
        return self


class Slack(_Receiver):
    """An incoming webhook of Slack or of what understands the same (Mattermost, Rocket.Chat, Discord)."""

    type: Literal["slack"]
    url_env: _Variable | None = None
    url_file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "url_env", "url_file")
        return self


class Sns(_Receiver):
    """A topic of Amazon SNS; credentials come from AWS's own chain."""

    type: Literal["sns"]
    topic_arn: Annotated[str, Field(pattern=r"^arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+(\.fifo)?$")]
    endpoint_url: _Address | None = None

    @property
    def region(self) -> str:
        """Where the topic is, as its name says."""
        return self.topic_arn.split(":")[3]


class Email(_Receiver):
    """A mail through an SMTP server."""

    type: Literal["email"]
    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s/@]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: Path | None = None
    username: Annotated[str, Field(min_length=1)] | None = None
    password_env: _Variable | None = None
    password_file: Path | None = None
    sender: Annotated[_Mail, Field(alias="from")]
    to: Annotated[tuple[_Mail, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _at_most_one(self, "password_env", "password_file")
        if (self.username is None) != (self.password_env is None and self.password_file is None):
            raise ValueError("username and one of password_env, password_file belong together")
        if self.username is not None and self.security == "none":
            raise ValueError("a password would be sent unencrypted; use security: starttls or tls")
        return self


Receiver = Annotated[Webhook | Slack | Sns | Email, Field(discriminator="type")]


class TimingShape(_Shape):
    """When alerts fire and end, and how messages are put together."""

    for_: Annotated[_Duration, Field(alias="for")] = TIMING.for_s
    keep_firing: _Duration = TIMING.keep_firing_s
    recovery: Annotated[float, Field(gt=0, le=1)] = TIMING.recovery
    group_wait: _Duration = 10.0
    repeat: _Duration = 4 * 3600.0


class AlertShape(_Shape):
    """One alert's exceptions."""

    enabled: bool = True
    for_: Annotated[_Duration | None, Field(alias="for")] = None
    keep_firing: _Duration | None = None
    recovery: Annotated[float, Field(gt=0, le=1)] | None = None


class AlertsConfig(_Shape):
    """The file as a value.

    Args:
        receivers: whom to tell.
        timing: when.
        alerts: exceptions, by the alert's id.
        external_url: where people reach the monitor; messages link to it.
    """

    receivers: tuple[Receiver, ...] = ()
    timing: TimingShape = TimingShape()
    alerts: dict[str, AlertShape] = {}
    external_url: _Address | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [receiver.name for receiver in self.receivers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"receivers: the name {name} is given twice")
        return self

    def timing_of(self, alert_id: str) -> Timing:
        """Return when one alert fires and ends."""
        own, common = self.alerts.get(alert_id, AlertShape()), self.timing
        return Timing(
            common.for_ if own.for_ is None else own.for_,
            common.keep_firing if own.keep_firing is None else own.keep_firing,
            common.recovery if own.recovery is None else own.recovery,
        )

    def enabled(self, alert_id: str) -> bool:
        """Say whether an alert is watched."""
        return self.alerts.get(alert_id, AlertShape()).enabled


def known_ids() -> tuple[str, ...]:
    """List every alert's id."""
    from monitor.alerts.conditions import EXTRA  # noqa: PLC0415  # conditions read this configuration

    return (*(alert.id for alert in (*ALERTS, *PHASE_ALERTS)), *(extra.id for extra in EXTRA))


def load_alerts_config(path: Path) -> AlertsConfig:
    """Read the file.

    Raises:
        BadAlertsConfig: it cannot be read, or a key in it is unknown, missing or wrong.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)  # noqa: S506  # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadAlertsConfig(f"{path} cannot be read", why=reason or str(error)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise BadAlertsConfig(
            f"{path} is not YAML",
            why=f"{line}{getattr(error, 'problem', None) or 'it cannot be parsed'}",
            next_step="correct that line",
        ) from None
    if not isinstance(document, dict):
        raise BadAlertsConfig(
            f"{path} configures nothing",
            why="it is no mapping with receivers:, timing: or alerts:",
            next_step="see docs/alerts.md for a beginning",
        )
    try:
        config = AlertsConfig.model_validate(document)
    except ValidationError as error:
        raise _explain(path, error) from None
    known = known_ids()
    for alert_id in config.alerts:
        if alert_id not in known:
            raise BadAlertsConfig(
                f"{path}: alerts.{alert_id} is not an alert",
                why="a misspelt alert would go on as before without a word",
                next_step="list the alerts with: outgrow monitor alerts list",
            )
    return config


def _explain(path: Path, error: ValidationError) -> BadAlertsConfig:
    """Name the first wrong key as the file spells it; what it holds may be secret and is not repeated."""
    findings = error.errors(include_url=False, include_input=False)
    first = min(findings, key=lambda finding: finding["type"] != "extra_forbidden")
    key = _key(first["loc"])
    if first["type"] == "extra_forbidden":
        secret = any(part in key.rpartition(".")[2] for part in ("password", "authorization", "url", "token"))
        return BadAlertsConfig(
            f"{path}: {key} is not a known key",
            why="secrets do not stand in the file" if secret else "a misspelt key would be ignored",
            next_step=f"name the secret with {key.rpartition('.')[2]}_env or {key.rpartition('.')[2]}_file"
            if secret
            else f"correct or remove {key}; docs/alerts.md lists the keys",
        )
    if first["type"] == "missing":
        return BadAlertsConfig(f"{path}: {key} is missing", next_step=f"add {key}")
    if first["type"].startswith("union_tag"):
        return BadAlertsConfig(
            f"{path}: {key}.type is wrong",
            why="it is none of webhook, slack, sns, email",
            next_step=f"correct {key}.type",
        )
    why = first["msg"].removeprefix("Value error, ")
    return BadAlertsConfig(f"{path}: {key or 'the file'} is wrong", why=why, next_step=f"correct {key}")


def _key(location: tuple[Any, ...]) -> str:
    """Write a place as the file has it: receivers[1].password_env, without pydantic's names of types."""
    text = ""
    for index, part in enumerate(location):
        if isinstance(part, int):
            text += f"[{part}]"
        elif not (part in ("webhook", "slack", "sns", "email") and index == 2):
            text += f".{part}" if text else str(part)
    return text


def _exactly_one(shape: BaseModel, *names: str) -> None:
    if sum(getattr(shape, name) is not None for name in names) != 1:
        raise ValueError(f"exactly one of {', '.join(names)} is needed")


def _at_most_one(shape: BaseModel, *names: str) -> None:
    if sum(getattr(shape, name) is not None for name in names) > 1:
        raise ValueError(f"only one of {', '.join(names)} may be given")
