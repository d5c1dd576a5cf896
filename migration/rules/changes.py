"""Says what changed between two states of the rules, for a run that is refused because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def changed_rules(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One sentence for every key that differs; both as `Rules.to_json` gives them."""
    return list(_changes(before, now, "the rules"))


def _changes(before: Any, now: Any, path: str) -> Iterable[str]:
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            yield from _changes(before.get(key), now.get(key), f"{path}: {key}")
        return
    yield f"{path}: was {_shown(before)}, now {_shown(now)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inner}" for key, inner in value.items()) + "}"
    return "nothing" if value is None else str(value)
