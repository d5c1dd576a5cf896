"""`python -m monitor`: the monitor without the rest of the command line, which is what its container runs."""

from __future__ import annotations

import sys

from monitor.cli import assess, fill, monitor_app
from monitor.errors import OutgrowError
from monitor.terminal import err

fill(monitor_app)
monitor_app.command()(assess)


def main() -> None:
    """Run a command; an error is one line that says what, why and what to do."""
    try:
        monitor_app()
    except OutgrowError as error:
        err.print(str(error), markup=False)
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    main()
