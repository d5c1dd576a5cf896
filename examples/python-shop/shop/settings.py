"""What the environment says, read once and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from shop.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DatabaseTarget:
    """A SQLite file's path, or a PostgreSQL connection string (kept out of every output)."""

    kind: Literal["sqlite", "postgresql"]
    address: str


@dataclass(frozen=True)
class Measuring:
    """Where measurements go, how often, and over how many seconds distinct clients are counted."""

    sidecar_url: str
    interval_ms: int
    client_window_seconds: int


@dataclass(frozen=True)
class Settings:
    database: DatabaseTarget
    port: int
    measuring: Measuring | None
    exit_with_stdin: bool


def read_settings(env: Mapping[str, str]) -> Settings:
    return Settings(
        database=database_target(env.get("DATABASE_URL", "")),
        port=_number(env, "PORT", 3000, 0, 65535),
        measuring=_measuring(env),
        exit_with_stdin=bool(env.get("EXIT_WITH_STDIN")),
    )


def database_target(url: str) -> DatabaseTarget:
    """Read `postgresql://...`, `sqlite:///absolute/path` or a plain path."""
    if not url:
        raise WrongUsage(
            "DATABASE_URL is not set; give it a path such as shop.sqlite, or postgresql://user@host/database"
        )
    if re.match(r"postgres(ql)?:", url, re.IGNORECASE):
        return DatabaseTarget("postgresql", url)
    if url.lower().startswith("sqlite:"):
        path = unquote(url[len("sqlite:") :].removeprefix("//"))
        if not path:
            raise WrongUsage("DATABASE_URL names no file; write sqlite:///absolute/path/shop.sqlite")
        return DatabaseTarget("sqlite", path)
    if re.match(r"[a-z][a-z0-9+.-]+://", url, re.IGNORECASE):
        scheme = url.split(":", 1)[0]
        raise WrongUsage(
            f"DATABASE_URL begins with {scheme}:, which this shop does not speak; use sqlite: or postgresql:"
        )
    return DatabaseTarget("sqlite", url)


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise WrongUsage(f"{name} is {text}; it must be a number from {low} to {high}")
    return int(text)


def _measuring(env: Mapping[str, str]) -> Measuring | None:
    url = env.get("OUTGROW_SIDECAR_URL", "")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise WrongUsage("OUTGROW_SIDECAR_URL is no URL; write http://127.0.0.1:9464")
    return Measuring(
        sidecar_url=f"{parts.scheme}://{parts.netloc}",
        interval_ms=_number(env, "OUTGROW_PUSH_INTERVAL_MS", 5000, 100, 60_000),
        client_window_seconds=_number(env, "OUTGROW_CLIENT_WINDOW_SECONDS", 300, 5, 3600),
    )
