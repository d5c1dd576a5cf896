"""What machines do when they start: shell scripts, as templates beside this module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
import pulumi

from infra.components.alarms import NAMESPACE

if TYPE_CHECKING:
    from infra.settings import Settings

#: Where containers reach what runs on the machine itself: Docker's bridge.
BRIDGE: Final = "172.17.0.1"
#: AWS refuses user data beyond 16 KiB.
LONGEST: Final = 16 * 1024

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701  # shell, not HTML; every value is checked by the settings or comes from AWS
)


def registry_of(image: str) -> str:
    """Give the registry's host of an image's name."""
    return image.partition("/")[0]


def is_private_ecr(registry: str) -> bool:
    """Say whether a registry is a private one of AWS, which asks who is there."""
    return ".dkr.ecr." in registry and registry.endswith(".amazonaws.com")


_TEMPLATES.filters["registry"] = registry_of
_TEMPLATES.tests["ecr"] = is_private_ecr


def about(settings: Settings) -> dict[str, Any]:
    """Collect what every machine is told of the stack."""
    return {
        "phase": settings.phase,
        "stack": settings.stack,
        "region": settings.region,
        "namespace": NAMESPACE,
        "bridge": BRIDGE,
        "image": settings.app.image,
        "port": settings.app.port,
        "secrets": settings.app.secrets,
        "monitor_image": settings.monitor.image,
        "images": [settings.app.image, settings.monitor.image],
    }


def script(name: str, **values: Any) -> pulumi.Output[str]:
    """Fill a template in, once all its values are known."""
    return pulumi.Output.from_input(values).apply(lambda known: _TEMPLATES.get_template(name).render(known))
