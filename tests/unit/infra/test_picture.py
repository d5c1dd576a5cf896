"""The picture of a phase shows what the graph holds, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from infra.errors import WrongPicture
from infra.graph import STACK_TYPE, Graph, Resource
from infra.picture import mermaid, picture_of, svg, write_picture

if TYPE_CHECKING:
    from pathlib import Path

STACK = Resource("stack", STACK_TYPE, "phase-9", None, {}, custom=False)


def graph(needs: dict[str, list[str]], **zones: str) -> Graph:
    """Components by name, each with one database that needs those of the components named."""
    resources = [STACK]
    resources += [Resource(name, "outgrow:made:Up", name, "stack", {}, custom=False) for name in needs]
    resources += [
        Resource(
            f"{name}-db",
            "aws:rds/instance:Instance",
            f"{name}-db",
            name,
            {"availabilityZone": zones[name]} if name in zones else {},
            dependencies=tuple(f"{other}-db" for other in others),
            protect=name == "data",
        )
        for name, others in needs.items()
    ]
    return Graph("phase-9", tuple(resources), {})


def test_boxes_are_the_components_and_arrows_what_they_need_and_no_other_implies() -> None:
    drawn = picture_of(graph({"web": ["app", "data"], "app": ["data"], "data": []}, app="us-east-1b"))
    assert [(box.title, box.column, box.protected) for box in drawn.boxes] == [
        ("web", 2, False),
        ("app", 1, False),
        ("data", 0, True),
    ]
    assert drawn.arrows == (("web", "app"), ("app", "data"))
    assert drawn.boxes[1].lines == ("Instance", "zones us-east-1b")


def test_components_that_need_each_other_share_a_column_and_both_arrows_stay() -> None:
    drawn = picture_of(graph({"top": ["one", "two"], "one": ["two"], "two": ["one"]}))
    assert [(box.title, box.column) for box in drawn.boxes] == [("top", 1), ("one", 0), ("two", 0)]
    assert set(drawn.arrows) == {("top", "one"), ("top", "two"), ("one", "two"), ("two", "one")}


def test_an_svg_is_well_formed_escapes_names_and_lets_no_boxes_overlap() -> None:
    names = [f"a<b&{at}" for at in range(5)]
    root = ET.fromstring(svg(picture_of(graph({name: names[at + 1 :] for at, name in enumerate(names)}))))
    kind = "{http://www.w3.org/2000/svg}"
    boxes = [
        tuple(int(box.attrib[side]) for side in ("x", "y", "width", "height"))
        for box in root.iter(f"{kind}rect")
        if box.attrib["class"].startswith("box")
    ]
    assert len(boxes) == 5
    for at, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x <= x + w <= int(root.attrib["width"])
        assert 0 <= y <= y + h <= int(root.attrib["height"])
        assert all(
            x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y for x2, y2, w2, h2 in boxes[:at]
        )
    assert "a<b&0" in [text.text for text in root.iter(f"{kind}text")]


def test_a_mermaid_chart_names_components_and_arrows() -> None:
    text = mermaid(picture_of(graph({"app": ["data"], "data": []})))
    assert text.splitlines()[2:] == [
        '  c0["<b>app</b><br/>Instance"]',
        '  c1[("<b>data</b><br/>Instance")]',
        "  c0 --> c1",
    ]


def test_another_ending_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongPicture, match=r"phase\.png is no picture"):
        write_picture(graph({"app": []}), tmp_path / "phase.png")
    with pytest.raises(WrongPicture, match="cannot be written"):
        write_picture(graph({"app": []}), tmp_path / "no" / "phase.svg")
