"""The option ignoreChanges: what it names is put back before anything is compared, as the engine does.

A path is a property, and below it keys and places: `tags`, `tags.team`, `tags["a.b"]`, `rules[0].port`,
`rules[*].port`. The old value takes the place of the new one; where there was none, the new one goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PART = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|\.?([^.\[\]"]+)')
_GONE: Any = object()


def inputs_with_ignored(
    old: Mapping[str, Any], new: Mapping[str, Any], paths: Iterable[str]
) -> Mapping[str, Any]:
    """Give the new inputs with the old values wherever a path says so."""
    inputs: Any = new
    for path in paths:
        inputs = _restored(old, inputs, _parts(path))
    return new if inputs is _GONE else inputs


def _parts(path: str) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    for quoted, place, name in _PART.findall(path):
        if place:
            parts.append(int(place) if place != "*" else "*")
        else:
            parts.append(quoted.replace('\\"', '"') or name)
    return tuple(parts)


def _restored(old: Any, new: Any, parts: tuple[str | int, ...]) -> Any:
    if not parts:
        return old
    part, rest = parts[0], parts[1:]
    if isinstance(new, dict) or (not isinstance(new, list) and hasattr(new, "keys")):
        keys = old if hasattr(old, "keys") else {}
        found = dict(new)
        for key in sorted({*keys, *found}) if part == "*" else [str(part)]:
            value = _restored(keys.get(key, _GONE), found.get(key, _GONE), rest)
            if value is _GONE:
                found.pop(key, None)
            else:
                found[key] = value
        return found
    if isinstance(new, list):
        places = range(len(new)) if part == "*" else [part]
        items = list(new)
        before = old if isinstance(old, list) else []
        for place in places:
            if isinstance(place, int) and place < len(items) and place < len(before):
                items[place] = _restored(before[place], items[place], rest)
        return items
    return new
