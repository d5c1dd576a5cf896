"""Who holds a POSIX lock on a byte of a file: asked of the kernel, without taking one.

Only Linux is asked: elsewhere the structure that `fcntl` takes is another one, and nothing is guessed.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from typing import Final

#: Whether this system can be asked at all.
SUPPORTED: Final = sys.platform.startswith("linux")
UNSUPPORTED: Final = "unsupported: locks are visible on Linux only"
#: struct flock: type, whence, start, length, process; in the machine's own alignment.
_FLOCK: Final = "hhqqi"
#: What the kernel answers for a holder in another PID namespace, or for a lock that no process owns.
NOBODY_KNOWN: Final = 0


def holder(descriptor: int, start: int, length: int = 1, *, shared: bool = True) -> int | None:
    """Return the process that holds a lock on these bytes; None if nobody else does.

    F_GETLK only asks: it takes no lock and waits for none. The caller's own locks do not count.

    Args:
        descriptor: an open file; reading it is enough.
        start: the first byte, which may lie beyond the file's end.
        length: how many bytes.
        shared: whether a shared (read) lock counts too.

    Returns:
        The process's id as seen from here; `NOBODY_KNOWN` where it is in another PID namespace.

    Raises:
        OSError: the file system cannot say.
    """
    kind = fcntl.F_WRLCK if shared else fcntl.F_RDLCK  # what would conflict with the lock asked for
    asked = struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
    found, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    if found == fcntl.F_UNLCK:
        return None
    return max(int(process), NOBODY_KNOWN)
