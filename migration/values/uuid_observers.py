"""Looks at texts that may be UUIDs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration.values.observers import TextObserver

if TYPE_CHECKING:
    from migration.native.profiling import Counted

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
#: The version and variant that RFC 9562 gives to every UUID but two; a hash has them by chance only.
_VERSIONED = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[1-8][0-9a-f]{3}-?[89ab].*", re.IGNORECASE)
_KEPT_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class UuidObserver(TextObserver):
    """Counts UUIDs, and those in a form that PostgreSQL does not keep: upper case, or without dashes."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.found = 0
        self.respelled = 0

    def add(self, counted: Counted) -> None:
        """Take over what C has counted: UUIDs in the form that PostgreSQL keeps."""
        self.found += counted.uuids

    def look(self, texts: list[str]) -> None:
        for text in texts:
            if is_uuid(text):
                self.found += 1
                self.respelled += text != text.lower() or text.count("-") != 4


class RandomUuidObserver(TextObserver):
    """Counts UUIDs in the form that PostgreSQL keeps, and those of version 4 among them (RFC 9562)."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.found = 0
        self.random = 0

    def add(self, counted: Counted) -> None:
        """Take over what C has counted."""
        self.found += counted.uuids
        self.random += counted.random_uuids

    def look(self, texts: list[str]) -> None:
        for text in texts:
            if _KEPT_UUID.fullmatch(text):
                self.found += 1
                self.random += text[14] == "4" and text[19] in "89ab"


class VersionedUuidObserver(UuidObserver):
    """Counts the UUIDs that say of which version they are, too: 32 digits without may be a hash."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.versioned = 0

    def look(self, texts: list[str]) -> None:
        super().look(texts)
        self.versioned += sum(is_uuid(text) and _VERSIONED.match(text) is not None for text in texts)


def is_uuid(text: str) -> bool:
    """32 hexadecimal digits, with dashes in the usual places or without some of them."""
    return _UUID.fullmatch(text) is not None
