"""How the demo talks: acts, sentences, and one line for each look at the monitor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.rule import Rule
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from examples.demo.climb import Look

_LIGHTS = {"green": ("●", "green"), "yellow": ("▲", "yellow"), "red": ("■", "red"), "unknown": ("○", "dim")}
_DONE = "[green]✓[/]"
_NOT = "[red]✗[/]"
#: How many recommendations are read out; the rest is in the artefacts.
_SPOKEN = 3


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
            Rule(f"[bold]{self._act}. {escape(title)}[/]  [dim]at {self.seconds:.0f} s[/]", align="left")
        )

    def say(self, text: str) -> None:
        """One sentence; rich markup allowed."""
        self._console.print(f"  {text}", soft_wrap=True)

    def heading(self) -> None:
        """The heads of the columns that `look` fills."""
        self._console.print(
            f"  [dim]{'':>5}  {'clients':>7} {'req/s':>6} {'writes/s':>8} {'P95':>8} {'score':>6}  "
            f"{'light':<10} decision[/]"
        )

    def look(self, look: Look) -> None:
        """One look at the monitor."""
        assessment = look.assessment
        score = assessment["score"]
        columns = (
            _number(look.value("concurrent_users"), 7),
            _number(look.value("requests_per_second"), 6, 1),
            _number(look.value("writes_per_second"), 8, 1),
            _number(look.value("p95_ms"), 5, 1) + " ms",
            _number(score, 6, 1) + " ",
            light_markup(assessment["light"]) + " " * (8 - len(assessment["light"])),
            assessment["decision"],
        )
        self._console.print(f"  [dim]{look.second:>4.0f}s[/]  {' '.join(columns)}", soft_wrap=True)

    def judgement(self, assessment: dict[str, Any]) -> None:
        """Score, light, decision, every reason and the first recommendations."""
        score = assessment["score"]
        self.say(
            f"Score [bold]{'unknown' if score is None else score}[/], "
            f"light {light_markup(assessment['light'])}, decision [bold]{assessment['decision']}[/]:"
        )
        for reason in assessment["reasons"]:
            self.say(f"  · {escape(reason)}")
        self.say("It recommends:")
        for advice in assessment["recommendations"][:_SPOKEN]:
            self.say(f"  · {escape(advice['action'])}")
            if advice.get("command"):
                self.say(f"    [dim]$ {escape(advice['command'])}[/]")

    def gates(self, gates: list[dict[str, Any]]) -> None:
        """Every gate's answer with what it measured."""
        table = Table(box=None, padding=(0, 2, 0, 2))
        for heading in ("gate", "answer", "measured", "limit"):
            table.add_column(heading)
        for gate in gates:
            table.add_row(gate["gate"], gate["verdict"], escape(gate["measured"]), escape(gate["limit"]))
        self._console.print(table)

    def step(self, kind: str, step: str, text: str) -> None:
        """What a promotion's step says of itself."""
        match kind:
            case "begun":
                self.say(f"… {step}  [dim]{escape(text)}[/]")
            case "done" | "skipped":
                self.say(f"{_DONE} {step}  [dim]{escape(text)}[/]")
            case "failed" | "reverting" | "reverted":
                self.say(f"{_NOT} {step} {kind}  {escape(text)}")
            case _:
                self.say(f"    [dim]{escape(text)}[/]")

    def outcome(self, summary: dict[str, Any]) -> None:
        """What was promised and whether it held."""
        before, after = summary["before"], summary["after"]
        self._console.print()
        self._console.print(Rule("[bold]In the end[/]", align="left"))
        self.say(
            f"Score {before['score']} ({before['decision']}) on SQLite, {after['score']} "
            f"({after['decision']}) on PostgreSQL; the shop was away for {summary['seconds_away']} s."
        )
        self.say(
            f"{summary['acknowledged_orders']} orders were acknowledged in the meantime; "
            f"{summary['lost_orders']} of them are missing."
        )
        for promise, held in summary["promises"].items():
            self.say(f"{_DONE if held else _NOT} {promise}")


def _number(value: float | None, width: int, digits: int = 0) -> str:
    return "-".rjust(width) if value is None else f"{value:>{width}.{digits}f}"
