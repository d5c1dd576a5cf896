"""The repeatable generator of ../../contract/README.md: xorshift32, the same numbers in every language."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_MASK = 0xFFFFFFFF


class Generator:
    """Not for secrets."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def bits(self) -> int:
        """Draw 32 bits."""
        x = self._state
        x ^= (x << 13) & _MASK
        x ^= x >> 17
        x ^= (x << 5) & _MASK
        self._state = x
        return x

    def below(self, n: int) -> int:
        """Draw a whole number from 0 to n - 1."""
        return self.bits() * n >> 32

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]
