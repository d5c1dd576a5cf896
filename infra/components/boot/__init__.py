"""What machines do when they start: shell scripts, as templates beside this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pulumi

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701  # shell, not HTML; every value is checked by the settings or comes from AWS
)


def script(name: str, **values: Any) -> pulumi.Output[str]:
    """Fill a template in, once all its values are known."""
    return pulumi.Output.from_input(values).apply(lambda known: _TEMPLATES.get_template(name).render(known))
