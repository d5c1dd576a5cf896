"""Fixtures for tests that need more than Python: Node and what is built with it."""

from __future__ import annotations

import os

import pytest

from examples.errors import NodeUnusable
from examples.node_packages import Node, find_node


@pytest.fixture(scope="session")
def node() -> Node:
    """The machine's Node. Where there is none the test is skipped, except in CI, which installs it."""
    try:
        return find_node()
    except NodeUnusable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
