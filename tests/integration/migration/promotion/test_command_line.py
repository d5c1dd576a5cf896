"""`outgrow promote` as its users type it: real commands as hooks, kill -9, and no secret anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

PASSWORD = "correct-horse/battery"

#: Stands for a deployment script: starts or stops the shop, and notes how it was called.
HOOK = """
import json, os, pathlib, sys
sys.path.insert(0, {here!r})
from shop import Shop
folder = pathlib.Path({folder!r})
with (folder / "arguments").open("a") as log:
    log.write(json.dumps([sys.argv, os.environ.get("OUTGROW_PHASE")]) + "\\n")
shop = Shop(folder, folder / "app.db")
{action}
print("using", os.environ.get("OUTGROW_DATABASE_URL"))
"""


@pytest.fixture
def dsn(postgres: LocalPostgres) -> Iterator[str]:
    """A database of a user with a password, as a managed database would have it."""
    owner = postgres.create_database("with_password")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE shop LOGIN PASSWORD {}").format(PASSWORD))
        connection.execute("ALTER DATABASE with_password OWNER TO shop")
    yield owner.replace("postgresql://postgres@", f"postgresql://shop:{PASSWORD.replace('/', '%2F')}@")
    postgres.drop_database("with_password")
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE shop")


class Terminal:
    """A folder to work in, with the hooks, and what was printed there."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.folder: Path = scene.folder
        self.printed = ""
        here = str(os.path.dirname(__file__))  # noqa: PTH120
        for name, action in {
            "stop": "shop.end()",
            "switch": "shop.start(os.environ['OUTGROW_DATABASE_URL'])",
            "revert": "shop.start(str(folder / 'app.db'))",
        }.items():
            (self.folder / f"{name}.py").write_text(
                HOOK.format(here=here, folder=str(self.folder), action=action)
            )
        (self.folder / "assessment.json").write_text(
            json.dumps(
                {
                    "phase": "phase-1",
                    "decision": "urgent",
                    "taken_at": time.time(),
                    "held": {"decision": "urgent", "seconds": 900},
                }
            )
        )
        hooks = [
            f"--{name}-command={sys.executable} {self.folder / name}.py"
            for name in ("stop", "switch", "revert")
        ]
        self.promotion = [
            "--to=phase-2",
            "--database=app.db",
            "--target=env:TARGET",
            "--assessment=assessment.json",
        ]
        self.promotion += ["--state=state.json", *hooks]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "outgrow", "promote", *arguments],
            cwd=self.folder,
            env={**os.environ, "TARGET": self.scene.dsn},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        self.printed += out + err
        return process.returncode, out


def test_a_promotion_by_commands_survives_kill_9_and_tells_no_secret(make_scene: Any, dsn: str) -> None:
    scene = make_scene(dsn=dsn)
    terminal = Terminal(scene)
    scene.shop.start(str(scene.source))

    status, out = terminal.run(*terminal.promotion, "--dry-run", "--json")
    assert status == 0
    rules = terminal.folder / "rules.yaml"
    rules.write_text("tables: {}\nhooks: {after_all: [SELECT 1]}\n")
    status, other = terminal.run(
        *terminal.promotion, "--dry-run", "--json", f"--rules={rules}", "--names=snake"
    )
    assert status == 0
    chosen = json.loads(other)["plan"]["migration"]["options"]
    assert (chosen["names"], chosen["rules"]["hooks"]) == ("snake", {"after_all": ["SELECT 1"]})
    assert json.loads(other)["plan_hash"] != json.loads(out)["plan_hash"]
    assert not (terminal.folder / "promotion.outgrow-journal").exists()

    status, out = terminal.run(*terminal.promotion, "--json")
    assert status == 4
    assert json.loads(out)["state"] == "proposed"
    status, _ = terminal.run("approve", "--by", "Ada", "--plan", json.loads(out)["plan_hash"])
    assert status == 0
    scene.assert_untouched()

    process = terminal.start(*terminal.promotion)
    for line in process.stderr:
        terminal.printed += line
        if "provision 20 resources" in line:  # in the middle of making the stack
            break
    process.kill()
    process.communicate()
    assert json.loads(terminal.run("status", "--json")[1])["state"] == "running"
    assert terminal.run(*terminal.promotion)[0] == 1  # it has begun: resume or abort
    assert terminal.run("resume")[0] == 2  # the target is not stored anywhere

    status, out = terminal.run("resume", "--target", "env:TARGET", "--json")
    assert status == 0, terminal.printed
    report = json.loads(out)
    assert (report["state"], report["audit"]["broken"]) == ("finished", None)
    assert scene.shop.runs_on == dsn
    scene.shop.end()
    scene.assert_promoted()

    calls = [json.loads(line) for line in (terminal.folder / "arguments").read_text().splitlines()]
    assert [phase for _, phase in calls] == ["phase-1", "phase-2"]
    secrets = [PASSWORD, PASSWORD.replace("/", "%2F")]
    for path in terminal.folder.iterdir():
        content = path.read_bytes()
        assert not any(secret.encode() in content for secret in secrets), path
    assert not any(secret in terminal.printed for secret in secrets)
