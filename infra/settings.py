"""A stack's settings as one frozen value, read from its file or, in the program, from Pulumi's config."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from infra.errors import InfraError
from infra.sizes import SIZES, Phase1Sizes, Phase2Sizes, Phase3Sizes, Shape
from infra.stack_file import stack_config, stack_path
from infra.usage import Usage
from monitor.errors import UsageError
from monitor.phases import Phase, load_phase, parse_phase
from monitor.stack_file import BadStackFile, bad_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: RFC 2606 reserves this domain for examples: a value that ends in it has not been set by anybody.
EXAMPLE = ".example"

Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+){1,2}-\d$")]
Zone = Annotated[str, Field(pattern=r"^[a-f]$")]
HostName = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*$")]
#: An image as container registries name it: an optional host, a path in lower case, a tag or a digest.
Image = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
        r"(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$"
    ),
]


class NotDeployable(InfraError, UsageError):  # read as a sentence: raise NotDeployable
    """A stack file that still holds an example where a real deployment needs your own value."""


class App(Shape):
    """The application that runs in every phase: the team's own container image."""

    image: Image
    port: Annotated[int, Field(strict=True, ge=1, le=65535)]
    health_path: Annotated[str, Field(pattern=r"^/")]
    sqlite_path: Annotated[str, Field(pattern=r"^/data/")] = "/data/app.sqlite"
    environment: dict[str, str] = Field(default_factory=dict)


class Domain(Shape):
    """The name users type. Its zone exists in Route 53; each phase also answers as `<phase>.<name>`.

    `live` is the switch: the phase whose stack file says true owns the name itself.
    """

    name: HostName
    zone: HostName
    live: bool

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.name != self.zone and not self.name.endswith(f".{self.zone}"):
            raise ValueError(f"name {self.name} is not in zone {self.zone}")
        return self


class Secondary(Shape):
    """The second region of a phase that has one."""

    region: Region
    cidr: str
    zones: tuple[Zone, ...]
    nat: Literal["none", "single", "per-zone"]


class Network(Shape):
    """The phase's private network. Ranges of two phases do not overlap, so that they can be connected."""

    cidr: str
    zones: tuple[Zone, ...]
    nat: Literal["none", "single", "per-zone"]
    secondary: Secondary | None = None

    @field_validator("cidr")
    @classmethod
    def _sixteen(cls, value: str) -> str:
        network = ipaddress.ip_network(value)
        if network.prefixlen != 16 or not network.is_private:
            raise ValueError("a private /16 is needed, such as 10.20.0.0/16")
        return value

    @field_validator("zones")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name each zone once, by its letter")
        return value


class Settings(Shape):
    """All that a phase's stack file says.

    Args:
        region: where it runs; the primary region of a phase with two.
        environment: which of the phase's environments this is.
        owner: who answers for it; becomes a tag.
        alerts_email: where alarms and budget warnings go.
        domain: the name users type; None serves plain HTTP on the provider's names.
    """

    region: Region
    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    owner: Annotated[str, Field(min_length=1)]
    alerts_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    domain: Domain | None
    app: App
    network: Network
    sizes: Phase1Sizes | Phase2Sizes | Phase3Sizes
    usage: Usage
    _roadmap: Phase = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Keep the phase that the monitor has read of the same file; it comes as validation's context."""
        self._roadmap = context

    @property
    def roadmap(self) -> Phase:
        """The phase as the monitor knows it: capacity, budget, thresholds."""
        return self._roadmap

    @property
    def phase(self) -> str:
        return self.roadmap.id

    @property
    def host_name(self) -> str | None:
        """The phase's own name in the domain, which no other phase takes."""
        return f"{self.phase}.{self.domain.name}" if self.domain else None


def load_settings(phase: str, stacks: Path | None = None) -> Settings:
    """Read a phase's settings from its stack file.

    Raises:
        monitor.phases.UnknownPhase: there is no such file.
        monitor.stack_file.BadStackFile: a key is unknown, missing or wrong; the message names file and key.
    """
    load_phase(phase, stacks)
    return parse_settings(stack_config(phase, stacks), stack_path(phase, stacks))


def parse_settings(config: Mapping[str, Any], path: Path) -> Settings:
    """Make settings of a stack's configuration, however it was read; `path` is the file that messages name.

    Raises:
        monitor.stack_file.BadStackFile: as `load_settings`.
    """
    roadmap = parse_phase(config, path)
    shape = SIZES.get(roadmap.id)
    if shape is None:
        raise bad_key(path, "outgrow:phase", f"infra knows how to build {', '.join(SIZES)}, not {roadmap.id}")
    keys = ("environment", "owner", "alerts_email", "domain", "app", "network", "usage")
    own = {key: config[f"outgrow:{key}"] for key in keys if f"outgrow:{key}" in config}
    own.setdefault("domain", None)
    region = config.get("aws:region")
    try:
        sizes = shape.model_validate(config.get("outgrow:sizes", {}))
    except ValidationError as error:
        raise _explain(path, error, "outgrow:sizes.") from None
    try:
        return Settings.model_validate({**own, "region": region, "sizes": sizes}, context=roadmap)
    except ValidationError as error:
        raise _explain(path, error, "outgrow:") from None


def parse_program_config(config: Mapping[str, str], path: Path) -> Settings:
    """Make settings of what Pulumi hands a program: every value a string, structures as JSON.

    Raises:
        monitor.stack_file.BadStackFile: as `load_settings`.
    """
    return parse_settings({key: _structure(value) for key, value in config.items()}, path)


def require_deployable(settings: Settings, path: Path) -> None:
    """Refuse a real deployment of a stack file that still holds example values.

    Raises:
        NotDeployable: names the first key that has to be set.
    """
    registry = settings.app.image.partition("/")[0].partition(":")[0]
    examples = {
        "outgrow:app.image": registry.endswith(EXAMPLE),
        "outgrow:domain": settings.domain is not None and settings.domain.name.endswith(EXAMPLE),
        "outgrow:alerts_email": settings.alerts_email.endswith(EXAMPLE),
    }
    for key, is_example in examples.items():
        if is_example:
            raise NotDeployable(
                f"{path}: {key} is still an example",
                why=f"names that end in {EXAMPLE} belong to nobody",
                next_step=f"set your own {key} in {path.name}; a rehearsal runs with the example",
            )


def _structure(value: str) -> Any:
    if value == "null" or value[:1] in {"{", "["}:
        return json.loads(value)
    return value


def _explain(path: Path, error: ValidationError, prefix: str) -> BadStackFile:
    """Turn pydantic's findings into one line that names the key as the file spells it; misspellings first."""
    first = min(error.errors(include_url=False), key=lambda finding: finding["type"] != "extra_forbidden")
    key = prefix + ".".join(str(part) for part in first["loc"])
    key = "aws:region" if key == "outgrow:region" else key.rstrip(".")
    if first["type"] == "extra_forbidden":
        return BadStackFile(
            f"{path}: {key} is not a known key",
            why="a misspelt key would be ignored without a word",
            next_step=f"correct or remove {key} in {path.name}",
        )
    if first["type"] == "missing":
        return BadStackFile(f"{path}: {key} is missing", next_step=f"add {key} to {path.name}")
    why = first["msg"].removeprefix("Value error, ")
    return bad_key(path, key, f"{why} (it is {first['input']!r})")
