"""Loads the Python functions that the user's rules name. They are code, and run with the user's rights."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

from migration.errors import RulesRefusedError
from migration.rules.values import Transform
from migration.schema.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


def find_transform(folder: Path, reference: str) -> Transform:
    """The function that `module:function` names, from the file module.py in a folder.

    Raises:
        RulesRefusedError: there is no such file, it fails, or has no such function.
    """
    module, function = reference.split(":")
    path = (folder / f"{module}.py").resolve()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RulesRefusedError(
            f"the transform {reference} cannot be read",
            why=str(error),
            next_step=f"put the function {function} into {path}",
        ) from error
    found = Transform(str(path), function, hashlib.sha256(text).hexdigest())
    load_transform(found)
    return found


@lru_cache(maxsize=256)
def load_transform(transform: Transform) -> Callable[[Any], Any]:
    """The function itself; the same code as when the plan was made.

    Raises:
        RulesRefusedError: the file has changed since, fails, or has no such function.
    """
    module = _module(transform.path, transform.sha256)
    function = getattr(module, transform.function, None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if callable(value) and name[0] != "_"]
        raise RulesRefusedError(
            f"{transform.path} has no function {transform.function}",
            why=did_you_mean(transform.function, known) or f"it has {', '.join(known) or 'none'}",
            next_step=f"define {transform.function}(value) there, or name another",
        )
    return function  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def _module(path: str, sha256: str) -> ModuleType:
    spec = spec_from_file_location(f"outgrow_rules_{sha256[:16]}", path)
    if spec is None or spec.loader is None:
        raise RulesRefusedError(f"{path} is not a Python file")
    with open(path, "rb") as file:  # noqa: PTH123  # the pinned text is the one that must run
        if hashlib.sha256(file.read()).hexdigest() != sha256:
            raise RulesRefusedError(
                f"{path} has changed since the migration was planned",
                why="its functions make the values that are migrated",
                next_step="put the earlier file back, or begin a new migration",
            )
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RulesRefusedError(
            f"{path} cannot be loaded", why=f"{type(error).__name__}: {error}", next_step="correct that file"
        ) from error
    return module
