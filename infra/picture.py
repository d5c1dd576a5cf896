"""Draws a phase: its components, what they are made of and what needs what, from the evaluated graph."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from infra.errors import WrongPicture

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from infra.graph import Graph, Resource

#: Kinds of resources that a box names; the others are counted.
_KINDS = 4
_WIDTH, _LINE, _GAP_X, _GAP_Y, _MARGIN = 290, 18, 70, 22, 24


@dataclass(frozen=True)
class Box:
    """One component: `key` is its URN, `lines` what it is made of, `column` how many steps lead from it."""

    key: str
    title: str
    lines: tuple[str, ...]
    protected: bool
    column: int


@dataclass(frozen=True)
class Picture:
    """Boxes, leftmost what needs the others, and arrows from a box to what it needs, by their keys."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]


def picture_of(graph: Graph) -> Picture:
    """Draw every component that belongs to the stack itself; of arrows that others imply, none."""
    home = _homes(graph)
    inside: dict[str, list[Resource]] = defaultdict(list)
    needs: dict[str, set[str]] = defaultdict(set)
    for resource in graph.resources:
        at = home.get(resource.urn)
        if at is None:
            continue
        inside[at].append(resource)
        for urn in resource.dependencies:
            there = home.get(urn)
            if there is not None and there != at:
                needs[at].add(there)
    column = _columns(inside, needs)
    boxes = [
        Box(
            urn,
            graph[urn].name,
            _lines(content),
            any(one.protect for one in content if one.custom),
            column[urn],
        )
        for urn, content in inside.items()
    ]
    arrows = [(one, other) for one in inside for other in sorted(_direct(one, needs))]
    return Picture(graph.stack, tuple(sorted(boxes, key=lambda box: (-box.column, box.key))), tuple(arrows))


def _homes(graph: Graph) -> dict[str, str]:
    """The outermost component of each resource, by URN; what belongs to none has no place in the picture."""
    home: dict[str, str] = {}
    for resource in graph.resources:  # parents come first
        parent = resource.parent
        if parent is None or resource.is_provider:
            continue
        if parent in home:
            home[resource.urn] = home[parent]
        elif not resource.custom and graph[parent].is_stack:
            home[resource.urn] = resource.urn
    return home


def _columns(boxes: Iterable[str], needs: Mapping[str, set[str]]) -> dict[str, int]:
    """The longest way from each box to one that needs nothing; those that need each other share a column."""
    reached = {urn: _reached(urn, needs, "") for urn in boxes}
    found: dict[str, int] = {}

    def column(urn: str) -> int:
        if urn not in found:
            below = [one for one in reached[urn] if urn not in reached[one]]
            found[urn] = 1 + max((column(one) for one in below), default=-1)
        return found[urn]

    for urn in reached:
        column(urn)
    return found


def _direct(urn: str, needs: Mapping[str, set[str]]) -> set[str]:
    """What a box needs and nothing else that it needs does."""
    wanted = needs.get(urn, set())
    reached = {one: _reached(one, needs, urn) for one in wanted}
    # Of two that need each other, neither implies the other.
    return {
        one
        for one in wanted
        if not any(one in reached[other] and other not in reached[one] for other in wanted - {one})
    }


def _reached(urn: str, needs: Mapping[str, set[str]], without: str) -> set[str]:
    reached: set[str] = set()
    waiting = [urn]
    while waiting:
        for one in needs.get(waiting.pop(), set()) - reached - {without}:
            reached.add(one)
            waiting.append(one)
    return reached


def _lines(content: list[Resource]) -> tuple[str, ...]:
    kinds = Counter(one.type.rpartition(":")[2] for one in content if one.custom)
    named = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"{count} x {kind}" if count > 1 else kind for kind, count in named[:_KINDS]]
    rest = sum(count for _, count in named[_KINDS:])
    zones = sorted(
        {str(one.inputs["availabilityZone"]) for one in content if "availabilityZone" in one.inputs}
    )
    return (
        *lines,
        *([f"and {rest} more"] if rest else []),
        *([f"zones {', '.join(zones)}"] if zones else []),
    )


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flow chart, which GitHub and GitLab draw."""
    number = {box.key: f"c{at}" for at, box in enumerate(picture.boxes)}
    lines = ["flowchart LR", f"  %% {picture.title}"]
    for box in picture.boxes:
        text = "<br/>".join(_mermaid_text(line) for line in (f"<b>{escape(box.title)}</b>", *box.lines))
        shape = f'[("{text}")]' if box.protected else f'["{text}"]'
        lines.append(f"  {number[box.key]}{shape}")
    lines += [f"  {number[one]} --> {number[other]}" for one, other in picture.arrows]
    return "\n".join(lines) + "\n"


def _mermaid_text(line: str) -> str:
    return line.replace('"', "#quot;")


def svg(picture: Picture) -> str:
    """The picture as an SVG that follows the reader's light or dark scheme; it loads nothing."""
    place, width, height = _places(picture)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"',
        f' height="{height}" role="img" aria-label="{escape(_words(picture))}">',
        f"<title>{escape(picture.title)}</title><style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"',
        ' orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
        f'<rect class="ground" width="{width}" height="{height}"/>',
    ]
    for one, other in picture.arrows:
        (x1, y1, w1, h1), (x2, y2, _, h2) = place[one], place[other]
        start, end, middle = (x1 + w1, y1 + h1 // 2), (x2, y2 + h2 // 2), (x1 + w1 + x2) // 2
        parts.append(
            f'<path class="arrow" marker-end="url(#tip)" d="M{start[0]} {start[1]}C{middle} {start[1]} '
            f'{middle} {end[1]} {end[0]} {end[1]}"/>'
        )
    for box in picture.boxes:
        x, y, w, h = place[box.key]
        kind = "box kept" if box.protected else "box"
        parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="8"/>')
        for at, line in enumerate((box.title, *box.lines)):
            style = "title" if at == 0 else "line"
            below = y + 20 + at * _LINE
            parts.append(f'<text class="{style}" x="{x + 12}" y="{below}">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2333}.title{font-weight:600}.ground{fill:#fff}"
    ".box{fill:#f2f5fb;stroke:#7c8aa5}.kept{stroke:#1d4ed8;stroke-width:2}"
    ".arrow{fill:none;stroke:#7c8aa5}.tip{fill:#7c8aa5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6eaf2}.ground{fill:#12161f}.box{fill:#1d2433}"
    ".kept{stroke:#7aa2ff}}"
)


def _words(picture: Picture) -> str:
    names = ", ".join(box.title for box in picture.boxes)
    return f"{picture.title}: {len(picture.boxes)} components, {names}"


def _places(picture: Picture) -> tuple[dict[str, tuple[int, int, int, int]], int, int]:
    """Where each box lies (x, y, width, height), and the size of the whole."""
    most = max((box.column for box in picture.boxes), default=0)
    place: dict[str, tuple[int, int, int, int]] = {}
    bottom: dict[int, int] = defaultdict(lambda: _MARGIN)
    for box in picture.boxes:
        height = 14 + _LINE * (1 + len(box.lines))
        x = _MARGIN + (most - box.column) * (_WIDTH + _GAP_X)
        place[box.key] = (x, bottom[box.column], _WIDTH, height)
        bottom[box.column] += height + _GAP_Y
    width = 2 * _MARGIN + (most + 1) * _WIDTH + most * _GAP_X
    return place, width, max(bottom.values(), default=_MARGIN) + _MARGIN - _GAP_Y


_FORMS = {".svg": svg, ".mmd": mermaid}


def write_picture(graph: Graph, file: Path) -> None:
    """Write the picture in the form that the file's name ends in: .svg or .mmd.

    Raises:
        WrongPicture: it ends in something else, or cannot be written.
    """
    form = _FORMS.get(file.suffix)
    if form is None:
        raise WrongPicture(
            f"{file} is no picture that can be drawn",
            why="its name ends in neither .svg nor .mmd",
            next_step=f"--picture {file.stem or 'phase'}.svg, or .mmd for Mermaid",
        )
    try:
        file.write_text(form(picture_of(graph)), encoding="utf-8")
    except OSError as error:
        raise WrongPicture(
            f"{file} cannot be written", why=str(error.strerror), next_step="name another file"
        ) from error
