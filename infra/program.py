"""The Pulumi program: reads the stack's settings, builds its phase, exports the outputs."""

from __future__ import annotations

import pulumi
from pulumi.runtime.config import CONFIG

from infra.disposable import lift_protections
from infra.phases import builder
from infra.settings import parse_program_config
from infra.stack_file import stack_path


def deploy() -> None:
    """Declare the resources of the stack's phase.

    Raises:
        monitor.stack_file.BadStackFile: the stack's configuration is wrong; the message names file and key.
    """
    settings = parse_program_config(CONFIG.get(), stack_path(pulumi.get_stack()))
    if settings.disposable:
        lift_protections()
    outputs = builder(settings.phase)(settings)
    for name, value in {"phase": settings.phase, "region": settings.region, **outputs}.items():
        pulumi.export(name, value)
