"""Compiles the C sources into a shared library, once for each version of them.

Any C compiler does: the machine's own, or Zig's, which comes from PyPI (`scripts/setup` installs it where the
machine has none). No header of Python or SQLite is needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from migration.errors import MigrationError

SOURCES = Path(__file__).with_name("src")
#: Beside the code, where every user of this clone finds it; git ignores it.
BUILT = Path(__file__).with_name("built")
FLAGS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-sanitize=undefined")
#: Seconds a compilation may take; on two busy cores it takes about two, Zig's first one about twenty.
TIMEOUT_S = 300


class NotCompiledError(MigrationError):
    """The C sources could not be compiled; everything works without them, only slower."""


def built_library() -> Path:
    """Where the library of these sources, on this kind of machine, lies or would lie."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return BUILT / f"kernel-{sys.platform}-{platform.machine()}-{digest.hexdigest()[:16]}.so"


def build() -> Path:
    """Compile the sources unless that was done before.

    Raises:
        NotCompiledError: there is no compiler, or it refuses.
    """
    library = built_library()
    if library.exists():
        return library
    command = compiler()
    if command is None:
        raise NotCompiledError(
            "no C compiler was found", next_step="install gcc or clang, or: pip install ziglang"
        )
    try:
        BUILT.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILT) as folder:
            draft = Path(folder) / library.name
            sources = [str(source) for source in sorted(SOURCES.glob("*.c"))]
            subprocess.run(
                [*command, *FLAGS, "-o", str(draft), *sources, "-lm", "-ldl"],
                check=True,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                # Zig keeps what it has built of the C library; nothing of that is needed again.
                env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder},
            )
            draft.rename(library)
    except subprocess.CalledProcessError as error:
        raise NotCompiledError(
            "the C sources cannot be compiled", why=" ".join(str(error.stderr).split())[:400]
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotCompiledError("the C sources cannot be compiled", why=str(error)) from error
    for stale in BUILT.glob(f"kernel-{sys.platform}-*.so"):
        if stale != library:
            stale.unlink(missing_ok=True)
    return library


def compiler() -> list[str] | None:
    """The command of a C compiler, or None: $CC, the usual names, then Zig's Python package."""
    chosen = os.environ.get("CC")
    for name in (*([chosen] if chosen else []), "cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    return None


if __name__ == "__main__":
    try:
        print(f"compiled {build().name}")
    except NotCompiledError as error:
        print(f"not compiled, migrations will be slower: {error}", file=sys.stderr)
