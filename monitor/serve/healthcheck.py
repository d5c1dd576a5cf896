"""`python -m monitor.serve.healthcheck`: 0 while the sidecar of this container is well, for Docker and ECS.

It asks where OUTGROW_SIDECAR_URL says (127.0.0.1:9464 by default) with the token of OUTGROW_MONITOR_TOKEN.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from typing import Final

_TIMEOUT_S: Final = 3
DEFAULT_URL: Final = "http://127.0.0.1:9464"


def main() -> int:
    """Ask once; 1 when there is no answer or it says that the watching is late."""
    url = os.environ.get("OUTGROW_SIDECAR_URL") or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        print(f"OUTGROW_SIDECAR_URL is no http address: {url}", file=sys.stderr)
        return 1
    request = urllib.request.Request(f"{url.rstrip('/')}/healthz")  # noqa: S310  # http or https, as checked
    token = os.environ.get("OUTGROW_MONITOR_TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
            return 0
    except (urllib.error.URLError, OSError) as error:
        print(f"{url} is not well: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
