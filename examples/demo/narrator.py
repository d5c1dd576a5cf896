"""How the demo talks: acts, sentences, and one line for each look at the monitor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.rule import Rule

if TYPE_CHECKING:
    from rich.console import Console

_LIGHTS = {"green": ("●", "green"), "yellow": ("▲", "yellow"), "red": ("■", "red"), "unknown": ("○", "dim")}


def light_markup(light: str) -> str:
    """A light as symbol and word, coloured where the terminal can: never by colour alone."""
    symbol, colour = _LIGHTS.get(light, ("○", "dim"))
    return f"[{colour}]{symbol} {light}[/]"


class Narrator:
    """Tells the story on one console, with the seconds since it began."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._act = 0

    @property
    def seconds(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._began

    def act(self, title: str) -> None:
        """Begin the next act."""
        self._act += 1
        self._console.print()
        self._console.print(
            Rule(f"[bold]{self._act}. {escape(title)}[/]  [dim]{self.seconds:.0f} s[/]", align="left")
        )

    def say(self, text: str) -> None:
        """One sentence; rich markup allowed."""
        self._console.print(f"  {text}", soft_wrap=True)

    def show(self, renderable: Any) -> None:
        """A table or picture."""
        self._console.print(renderable)
