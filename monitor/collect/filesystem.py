"""Which file system a file lies on, and whether SQLite's locks can be seen and trusted there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

#: File systems whose files other machines may have open. Their locks, and the -shm file's memory, are not
#: shared with those machines, so what is read here may be wrong (https://sqlite.org/wal.html, section 1).
NETWORK: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.rclone",
        "glusterfs",
        "gfs2",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb2",
        "smb3",
        "smbfs",
    }
)
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def filesystem_of(path: Path, mounts: str) -> str | None:
    """Return the type of the file system that holds a file.

    Args:
        path: absolute, links resolved.
        mounts: the text of /proc/self/mountinfo.

    Returns:
        Such as "ext4" or "nfs4"; None if no line covers the path.
    """
    found: tuple[int, str] | None = None
    for line in mounts.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        # The last of equally long ones hides the others.
        if path.is_relative_to(point) and (found is None or len(point.parts) >= found[0]):
            found = (len(point.parts), after.split(" ", 1)[0])
    return None if found is None else found[1]


def network_filesystem(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the type of the network file system a file lies on; None on a local one, or where none can tell.

    Args:
        path: absolute, links resolved.
        mounts: where the system lists what is mounted.
    """
    try:
        kind = filesystem_of(path, mounts.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return None
    return kind if kind in NETWORK else None
