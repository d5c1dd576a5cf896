"""How commands talk: results on standard output, everything else on standard error."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from rich.console import Console

#: Results: tables, JSON. Safe to pipe.
out = Console(highlight=False)
#: Progress, notes, errors. Never mixed with results.
err = Console(stderr=True, highlight=False)


def to_json(value: Any) -> Any:
    """Turn frozen values into what JSON can hold; floats that JSON cannot hold become None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def emit_json(value: Any) -> None:
    """Print one JSON document on standard output, exactly: no wrapping, no colour."""
    json.dump(to_json(value), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()
