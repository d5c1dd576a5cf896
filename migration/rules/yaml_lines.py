"""YAML with the line of every key, so that an error can say where it is; a key given twice is refused."""

from __future__ import annotations

from typing import Any, TypeAlias

import yaml

#: Where each value is: the path of its keys -> the line, counted from 1.
Lines: TypeAlias = dict[tuple[str, ...], int]


def load(text: str) -> tuple[Any, Lines]:
    """Read a document and the lines of its keys.

    Raises:
        yaml.YAMLError: not YAML, or a key is given twice.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: Lines = {}
        if node is None:
            return None, lines
        _walk(node, (), lines)
        return loader.construct_document(node), lines
    finally:
        loader.dispose()


def line_of(lines: Lines, place: tuple[str, ...]) -> int | None:
    """The line of a place, or of the innermost known one around it."""
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def _walk(node: yaml.Node, place: tuple[str, ...], lines: Lines) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is given twice", key.start_mark
                )
            lines[inner] = key.start_mark.line + 1
            _walk(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            inner = (*place, str(position))
            lines[inner] = item.start_mark.line + 1
            _walk(item, inner, lines)
