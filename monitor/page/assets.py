"""The page's own files: read once, named after their content, so that browsers may keep them for good."""

from __future__ import annotations

import hashlib
import re
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
            body = _squeezed(file.read_bytes()) if file.name == "page.css" else file.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            found[file.name] = Asset(f"static/{digest}/{file.name}", _TYPES[suffix], body)
    return MappingProxyType(found)


def _squeezed(style: bytes) -> bytes:
    """Leave out comments and the spaces around braces and semicolons; no string of the file has any."""
    return re.sub(rb"\s*([{};])\s*", rb"\1", re.sub(rb"/\*.*?\*/", b"", style, flags=re.DOTALL))
