"""Finds for each name of the file the one that the application gave the same thing on PostgreSQL."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Where one word of a camelCase name ends and the next begins.
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Matches:
    """`found` maps names of the file to names of the target; `unclear` has those with several candidates."""

    found: dict[str, str] = field(default_factory=dict)
    unclear: dict[str, tuple[str, ...]] = field(default_factory=dict)


def snake(name: str) -> str:
    """A name in lower case, an underscore between its words: orderLine, OrderLine and order_line agree."""
    return _WORDS.sub("_", name).lower()


#: Tried one after the other: exact first, so that no later policy can take a name from its equal.
_POLICIES: tuple[Callable[[str], str], ...] = (str, str.lower, snake)


def match_names(
    ours: Sequence[str], theirs: Sequence[str], given: Mapping[str, str | None] | None = None
) -> Matches:
    """Match names exactly, then without regard to case, then by their words.

    `given` names what somebody has said, which goes before everything else.
    """
    said = {name: other for name, other in (given or {}).items() if other in theirs}
    matches = Matches({name: other for name, other in said.items() if other is not None})
    for policy in _POLICIES:
        open_ours = [name for name in ours if name not in matches.found and name not in matches.unclear]
        taken = set(matches.found.values())
        candidates: dict[str, list[str]] = defaultdict(list)
        for name in theirs:
            if name not in taken:
                candidates[policy(name)].append(name)
        rivals: dict[str, list[str]] = defaultdict(list)
        for name in open_ours:
            rivals[policy(name)].append(name)
        for name in open_ours:
            found = candidates.get(policy(name), [])
            if len(found) == 1 and len(rivals[policy(name)]) == 1:
                matches.found[name] = found[0]
            elif found:
                matches.unclear[name] = tuple(found)
    return matches
