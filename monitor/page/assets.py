"""The page's own files: read once, named after their content, so that browsers may keep them for good."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file.

    Args:
        address: relative to the page; holds a hash of the content.
        content_type: for the response's header.
        body: its bytes.
    """

    address: str
    content_type: str
    body: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """Return every file that pages load, by its plain name."""
    found = {}
    for file in files("monitor.page").joinpath("static").iterdir():
        suffix = f".{file.name.rpartition('.')[2]}"
        if suffix in _TYPES:
            body = file.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            found[file.name] = Asset(f"static/{digest}/{file.name}", _TYPES[suffix], body)
    return MappingProxyType(found)
