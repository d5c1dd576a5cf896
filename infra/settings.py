"""A stack's settings as one frozen value, read from its file or, in the program, from Pulumi's config."""

from __future__ import annotations

import difflib
import ipaddress
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from infra.application import App, Images, MigrationPath, Monitor, Service
from infra.errors import InfraError
from infra.offerings import AURORA, CACHES, MACHINES, POSTGRES, load_offerings
from infra.sizes import SIZES, Phase1Sizes, Phase2Sizes, Phase3Sizes, Shape
from infra.stack_file import over_its_phase, stack_config, stack_of, stack_path
from infra.usage import Usage
from monitor.errors import UsageError
from monitor.phases import Phase, load_phase, parse_phase
from monitor.stack_file import INFRA_KEYS, BadStackFile, bad_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: RFC 2606 reserves this domain for examples: a value that ends in it has not been set by anybody.
EXAMPLE = ".example"

Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+){1,2}-\d$")]
Zone = Annotated[str, Field(pattern=r"^[a-f]$")]
HostName = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*$")]


class NotDeployable(InfraError, UsageError):  # read as a sentence: raise NotDeployable
    """A stack file that still holds an example where a real deployment needs your own value."""


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
        monitor: what watches the application.
        services: parts of the application that phase-3 runs by themselves, by name.
        images: of what runs beside the application.
        migration_path: a private way in from an earlier phase; None closes it.
        disposable: True lifts every protection against deletion: for environments that come and go.
    """

    region: Region
    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    owner: Annotated[str, Field(min_length=1)]
    alerts_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    domain: Domain | None
    app: App
    monitor: Monitor
    services: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")], Service] = Field(
        default_factory=dict
    )
    images: Images = Field(default_factory=Images)
    migration_path: MigrationPath | None = None
    disposable: bool = False
    network: Network
    sizes: Phase1Sizes | Phase2Sizes | Phase3Sizes
    usage: Usage
    _roadmap: Phase = PrivateAttr()
    _stack: str = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Keep the phase that the monitor has read of the same file, and the stack: validation's context."""
        self._roadmap, self._stack = context

    @property
    def roadmap(self) -> Phase:
        """The phase as the monitor knows it: capacity, budget, thresholds."""
        return self._roadmap

    @property
    def phase(self) -> str:
        return self.roadmap.id

    @property
    def stack(self) -> str:
        """The stack's name: that of the phase, or of another environment of it, such as phase-2-staging."""
        return self._stack

    @property
    def host_name(self) -> str | None:
        """The stack's own name in the domain, which no other stack takes."""
        return f"{self.stack}.{self.domain.name}" if self.domain else None


def load_settings(stack: str, stacks: Path | None = None) -> Settings:
    """Read a stack's settings from its file; a phase's production stack is called like the phase.

    Raises:
        monitor.phases.UnknownPhase: there is no such file.
        monitor.stack_file.BadStackFile: a key is unknown, missing or wrong; the message names file and key.
    """
    path = stack_path(stack, stacks)
    if not path.is_file():
        load_phase(stack, stacks)  # raises what there is instead
    return parse_settings(stack_config(stack, stacks), path)


def parse_settings(config: Mapping[str, Any], path: Path) -> Settings:
    """Make settings of a stack's configuration, however it was read; `path` is the file that messages name.

    Raises:
        monitor.stack_file.BadStackFile: as `load_settings`.
    """
    roadmap = parse_phase(config, path)
    shape = SIZES.get(roadmap.id)
    if shape is None:
        raise bad_key(path, "outgrow:phase", f"infra knows how to build {', '.join(SIZES)}, not {roadmap.id}")
    own = {key: config[f"outgrow:{key}"] for key in INFRA_KEYS - {"sizes"} if f"outgrow:{key}" in config}
    own.setdefault("domain", None)
    region = config.get("aws:region")
    try:
        sizes = shape.model_validate(config.get("outgrow:sizes", {}))
    except ValidationError as error:
        raise _explain(path, error, "outgrow:sizes.") from None
    try:
        context = (roadmap, stack_of(path))
        settings = Settings.model_validate({**own, "region": region, "sizes": sizes}, context=context)
    except ValidationError as error:
        raise _explain(path, error, "outgrow:") from None
    for key, why in _contradictions(settings):
        raise bad_key(path, key, why)
    return settings


def parse_program_config(config: Mapping[str, str], path: Path) -> Settings:
    """Make settings of what Pulumi hands a program: every value a string, structures as JSON.

    Raises:
        monitor.stack_file.BadStackFile: as `load_settings`.
    """
    known = {key: _structure(value) for key, value in config.items()}
    return parse_settings(over_its_phase(known, path), path)


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Find what no single key shows: the key that is wrong, and why."""
    offerings = load_offerings()
    away = settings.network.secondary
    regions = {"aws:region": settings.region}
    if away:
        regions["outgrow:network.secondary.region"] = away.region
    for key, region in regions.items():
        if region not in offerings.regions:
            near = ", ".join(difflib.get_close_matches(region, sorted(offerings.regions), 3))
            yield key, f"{region} is not a region of AWS" + (f"; there are {near}" if near else "")
    for key, service, size in _sizes_of(settings):
        for region in regions.values():
            why = offerings.why_not(service, size, region)
            if why:
                yield f"outgrow:sizes.{key}", why
    path = settings.migration_path
    if path and settings.phase != "phase-2":
        yield "outgrow:migration_path", "only phase-2 has a database that an earlier phase's data moves to"
    if path and path.from_stack == settings.stack:
        yield "outgrow:migration_path.from", "a stack needs no path to itself"
    if settings.services and settings.phase != "phase-3":
        yield "outgrow:services", "only phase-3 runs parts of the application by themselves"


def _sizes_of(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """List what is sized by name: the key below `outgrow:sizes`, the service, the size."""
    sizes = settings.sizes
    yield "cache.node", CACHES, sizes.cache.node
    if isinstance(sizes, Phase1Sizes):
        yield "host.type", MACHINES, sizes.host.type
    elif isinstance(sizes, Phase2Sizes):
        yield "servers.type", MACHINES, sizes.servers.type
        yield "database.type", POSTGRES, sizes.database.type
        yield "database.replica_type", POSTGRES, sizes.database.replica_type
    else:
        yield "database.type", AURORA, sizes.database.type


def require_deployable(settings: Settings, path: Path) -> None:
    """Refuse a real deployment of a stack file that still holds example values.

    Raises:
        NotDeployable: names the first key that has to be set.
    """
    examples = {
        "outgrow:app.image": _registry(settings.app.image).endswith(EXAMPLE),
        "outgrow:monitor.image": _registry(settings.monitor.image).endswith(EXAMPLE),
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


def _registry(image: str) -> str:
    return image.partition("/")[0].partition(":")[0]


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
