"""Graphs that were evaluated before, kept by the content of everything that they are made of.

The key of a graph is a hash of the stack's configuration, the program's sources, the versions of Python and
of every installed package, and the environment variables that the AWS SDK reads: a graph is found again only
where a new evaluation would give the same. Secrets are not in a graph, so none is in the folder. A folder
that cannot be used, or that others may write to, is left alone; each evaluation is then made anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from infra.graph import Graph, Resource
from infra.stack_file import ROOT, stack_config

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the program is made of, below the project's root.
SOURCES: Final = ("__main__.py", "Pulumi.yaml", "infra", "monitor", "stacks")
#: Variables that change what a program declares: Pulumi's and the AWS provider's defaults.
VARIABLES: Final = ("AWS_", "OUTGROW_")
#: Graphs kept; the one longest unused goes first.
KEPT: Final = 32
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
#: Fields of a resource that JSON makes lists of.
_TUPLES: Final = ("secret_inputs", "dependencies", "ignore_changes", "replace_on_changes", "aliases")


def cache_folder() -> Path:
    """Say where graphs are kept: `$XDG_CACHE_HOME/outgrow/graphs`, or `~/.cache/outgrow/graphs`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "outgrow" / "graphs"


def evaluated(phase: str, *, stacks: Path | None = None, fresh: bool = False) -> Graph:
    """Give the graph of a phase: remembered where nothing has changed, else evaluated and remembered.

    Args:
        phase: the stack's name.
        stacks: the folder of the stack files; the project's own by default.
        fresh: evaluate in any case, and remember that.

    Raises:
        infra.errors.ProgramFailed: the program raised.
        monitor.phases.BadStackFile: there is no such stack file.
    """
    from infra.evaluation import evaluate  # noqa: PLC0415  # not needed for a graph that is remembered

    memory = Memory(cache_folder())
    key = key_of(phase, stacks)
    found = None if fresh else memory.recall(key)
    if found is not None:
        return found
    graph = evaluate(phase, stacks=stacks)
    if key_of(phase, stacks) == key:  # nobody changed a source while the program ran
        memory.keep(key, graph)
    return graph


def key_of(phase: str, stacks: Path | None = None, *, root: Path = ROOT) -> str:
    """Hash whatever the graph of a phase depends on, as 64 hexadecimal digits.

    Raises:
        monitor.phases.BadStackFile: there is no such stack file.
    """
    environment = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
    described = [phase, stack_config(phase, stacks), sys.version, sorted(_packages()), environment]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode())
    for path in _sources(root):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for name in SOURCES:
        below = root / name
        found = sorted(below.rglob("*")) if below.is_dir() else [below]
        yield from (one for one in found if one.is_file() and "__pycache__" not in one.parts)


def _packages() -> Iterator[str]:
    """Name each installed package with its version, as its metadata's folder is called."""
    for entry in sys.path:
        with contextlib.suppress(OSError):
            found = [path.name for path in Path(entry or ".").iterdir()]
            yield from (name for name in found if name.endswith((".dist-info", ".egg-info")))


@dataclass(frozen=True)
class Memory:
    """A folder of graphs, one file a key; whatever goes wrong with it is as if nothing were remembered."""

    folder: Path

    def recall(self, key: str) -> Graph | None:
        """Give the graph kept under a key; None where there is none, or none that can be trusted."""
        path = self._path(key)
        try:
            if not self._ours():
                return None
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["key"] != key:
                return None
            graph = _graph(document["graph"])
            os.utime(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return graph

    def keep(self, key: str, graph: Graph) -> None:
        """Keep a graph, whole or not at all, and forget those that were not used for the longest time."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._ours():
                return
            text = json.dumps({"key": key, "graph": graph}, default=_plain, separators=(",", ":"))
            handle, name = tempfile.mkstemp(prefix=".", dir=self.folder)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(name).replace(self._path(key))
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._forget()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _ours(self) -> bool:
        found = self.folder.stat()
        return found.st_uid == os.getuid() and not found.st_mode & _WRITABLE_BY_OTHERS

    def _forget(self) -> None:
        used = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in used[KEPT:]:
            path.unlink(missing_ok=True)


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, Graph | Resource):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise TypeError(f"a graph holds a {type(value).__name__}")


def _graph(content: dict[str, Any]) -> Graph:
    resources = tuple(_resource(one) for one in content["resources"])
    return Graph(content["stack"], resources, content["outputs"], tuple(content["secret_outputs"]))


def _resource(content: dict[str, Any]) -> Resource:
    depends = {name: tuple(urns) for name, urns in content["property_dependencies"].items()}
    given = {**content, **{name: tuple(content[name]) for name in _TUPLES}, "property_dependencies": depends}
    return Resource(**given)
