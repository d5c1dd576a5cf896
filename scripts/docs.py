"""Writes what the documentation shows from what the commands really print; `--check` only compares.

`docs/cli.md` is made from the commands' own help. In every other page, the output under a line like

    <!-- shown: outgrow assess --snapshot docs/samples/busy-day.json -->

is that command's output, run in a scratch folder that holds `docs/samples/`, a seeded `shop.sqlite` and an
empty PostgreSQL database named by $DATABASE_URL (another by $NEXT_URL). Seconds, sizes and paths differ
from run to run: a comparison looks past them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from examples.applications import PYTHON, Rows
from infra.local_postgres import LocalPostgres

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
REFERENCE = ROOT / "docs" / "cli.md"
BLOCK = re.compile(r"(<!-- shown: (?P<command>.+?) -->\n```console\n)(?P<shown>.*?)(```\n)", re.DOTALL)
#: What a run may change: numbers, hashes, folders, times; and the spaces and rules that line up with them.
VARYING = re.compile(
    r"\d+\.\d+ ?s\b|\b[0-9a-f]{12,64}\b|/[^\s,;]*|\d{4}-\d\d-\d\d[T ][\d:.+Z]+|\d+(\.\d+)?|\s+|[─━┄]+"
)


def main() -> int:
    """Rewrite or check every page; the number of pages that differ is the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; say which pages are out of date"
    )
    check = parser.parse_args().check
    stale = [REFERENCE] if not same_reference(check=check) else []
    with tempfile.TemporaryDirectory() as folder, LocalPostgres(durable=False) as server:
        scratch = Path(folder)
        shutil.copytree(ROOT / "docs" / "samples", scratch / "docs" / "samples")
        PYTHON.seed(str(scratch / "shop.sqlite"), Rows())
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": server.create_database("shop"),
            "NEXT_URL": server.create_database("next"),
            "COLUMNS": "110",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        stale += [
            page
            for page in PAGES
            if page != REFERENCE and not same_page(page, scratch, environment, check=check)
        ]
    for page in stale:
        said = "is out of date; make docs writes it again" if check else "was written again"
        sys.stderr.write(f"{page.relative_to(ROOT)} {said}\n")
    return len(stale) if check else 0


def same_reference(*, check: bool) -> bool:
    """Compare the command reference with the commands' help, and write it unless `check`."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "outgrow", "utils", "docs", "--name", "outgrow"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    same = REFERENCE.exists() and REFERENCE.read_text() == made
    if not same and not check:
        REFERENCE.write_text(made)
    return same


def same_page(page: Path, scratch: Path, environment: dict[str, str], *, check: bool) -> bool:
    """Compare a page's shown outputs with what the commands print now, and write them unless `check`."""
    text = page.read_text()

    def run(found: re.Match[str]) -> str:
        command = found["command"]
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=scratch,
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
        return f"{found[1]}$ {command}\n{printed.strip(chr(10))}\n{found[4]}"

    now = BLOCK.sub(run, text)
    same = VARYING.sub("#", now) == VARYING.sub("#", text)
    if not same and not check:
        page.write_text(now)
    return same


if __name__ == "__main__":
    sys.exit(main())
