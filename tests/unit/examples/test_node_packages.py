"""Preparing Node code: what is missing is named, what is done is not done again, what fails says why."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from examples import applications, node_packages
from examples.applications import EXPRESS, PYTHON, choose
from examples.errors import NodeUnusable, ShopRefused
from examples.node_packages import NodePackage, find_node, prepare
from monitor.errors import ExitCode

#: A program that notes how it was called, and then does what a test wants.
PROGRAM = """#!{python}
import os, pathlib, sys, time
with open({calls!r}, "a") as calls:
    calls.write(" ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
{body}
"""


class Machine:
    """A folder of programs that is all the PATH there is, and a Node package."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.package = folder / "package"
        (self.package / "src").mkdir(parents=True)
        (self.package / "package.json").write_text("{}")
        (self.package / "package-lock.json").write_text("{}")
        (self.package / "src" / "main.ts").write_text("1")
        self._calls = folder / "calls"

    def install(self, name: str, body: str) -> None:
        program = self.programs / name
        program.write_text(PROGRAM.format(python=sys.executable, calls=str(self._calls), body=body))
        program.chmod(0o755)

    def install_node(self, version: str = "v20.1.0", npm: str = "") -> None:
        self.install("node", f"if sys.argv[1:] == ['--version']: print({version!r})")
        self.install("npm", npm or "pathlib.Path('node_modules').mkdir(exist_ok=True)")

    def calls(self) -> list[str]:
        """What was called since the last time, without asking for versions."""
        if not self._calls.exists():
            return []
        calls = [call for call in self._calls.read_text().splitlines() if call != "node --version"]
        self._calls.unlink()
        return calls


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(machine.programs))
    return machine


def test_a_machine_without_node_is_told_so(machine: Machine) -> None:
    with pytest.raises(NodeUnusable, match="node and npm cannot be found"):
        find_node()
    machine.install("node", "print('v20.0.0')")
    with pytest.raises(NodeUnusable, match="because npm cannot be found"):
        find_node()


@pytest.mark.parametrize("version", ["v16.20.2", "v17.9.1", "", "nonsense"])
def test_an_old_or_strange_node_is_refused(machine: Machine, version: str) -> None:
    machine.install_node(version)
    with pytest.raises(NodeUnusable, match="18 or later is needed"):
        find_node()


@pytest.mark.parametrize("version", ["v18.19.0", "v20.11.1", "v24.0.0"])
def test_supported_versions_of_node_are_taken(machine: Machine, version: str) -> None:
    machine.install_node(version)
    assert find_node().version == version


def test_what_is_prepared_is_not_prepared_again(machine: Machine) -> None:
    machine.install_node()
    package = NodePackage(machine.package, check="1", build=("tsc",))
    heard: list[str] = []
    prepare(package, say=heard.append)
    assert machine.calls() == ["npm ci", "node -e 1", "node tsc"]
    assert len(heard) == 2
    prepare(package, say=heard.append)
    assert machine.calls() == []
    assert len(heard) == 2


def test_only_what_has_changed_is_prepared_again(machine: Machine) -> None:
    machine.install_node()
    package = NodePackage(machine.package, build=("tsc",))
    prepare(package)
    machine.calls()
    (machine.package / "src" / "main.ts").write_text("2")
    prepare(package)
    assert machine.calls() == ["node tsc"]
    (machine.package / "package.json").write_text('{"name": "x"}')
    prepare(package)
    assert machine.calls() == ["npm ci"]
    machine.install_node("v22.0.0")  # compiled parts do not survive another Node
    prepare(package)
    assert machine.calls() == ["npm ci"]


def test_installed_packages_that_do_not_work_are_a_failure_and_tried_again(machine: Machine) -> None:
    machine.install_node()
    machine.install("node", "print('v20.1.0')\nif sys.argv[1] == '-e': sys.exit('cannot open shared object')")
    package = NodePackage(machine.package, check="require('compiled')")
    for _ in range(2):
        with pytest.raises(NodeUnusable, match="cannot open shared object"):
            prepare(package)
        assert "npm ci" in machine.calls()


def test_a_failing_npm_is_quoted_with_the_next_thing_to_type(machine: Machine) -> None:
    machine.install_node(npm="print('npm error code E404\\nnpm error 404 Not Found'); sys.exit(1)")
    with pytest.raises(NodeUnusable) as caught:
        prepare(NodePackage(machine.package))
    assert caught.value.what.startswith("npm ci failed in ")
    assert "npm error code E404 / npm error 404 Not Found" in caught.value.why
    assert "npm ci" in caught.value.next_step
    assert "apt-get install make g++" in caught.value.next_step
    assert caught.value.exit_code == ExitCode.FAILED


def test_an_npm_that_hangs_is_ended_with_everything_it_started(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_packages, "INSTALL_TIMEOUT", 1.5)
    machine.install_node(
        npm="import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('child').write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    start = time.monotonic()
    with pytest.raises(NodeUnusable, match="not done after"):
        prepare(NodePackage(machine.package))
    assert time.monotonic() - start < 20
    child = int((machine.package / "child").read_text())
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    """Whether a process is there and no zombie waiting for whoever adopted it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_two_who_prepare_the_same_package_do_it_once(machine: Machine) -> None:
    machine.install_node(npm="time.sleep(0.5); pathlib.Path('node_modules').mkdir(exist_ok=True)")
    package = NodePackage(machine.package)
    threads = [threading.Thread(target=prepare, args=(package,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert machine.calls() == ["npm ci"]
    left = sorted(path.name for path in machine.package.iterdir())
    assert left == ["node_modules", "package-lock.json", "package.json", "src"]


def test_without_node_auto_takes_the_python_shop_and_says_why(machine: Machine) -> None:
    choice = choose("auto")
    assert choice.shop is PYTHON
    assert "node and npm cannot be found" in choice.reason
    assert "apt-get install nodejs npm" in choice.reason


def test_without_node_the_express_shop_is_refused_when_it_was_asked_for(machine: Machine) -> None:
    with pytest.raises(NodeUnusable):
        choose("express")


def test_when_npm_fails_auto_takes_the_python_shop_and_quotes_npm(machine: Machine) -> None:
    machine.install_node("v20.99.0-of-this-test", npm="print('npm error network'); sys.exit(1)")
    choice = choose("auto")
    assert choice.shop is PYTHON
    assert "npm ci failed" in choice.reason
    assert "npm error network" in choice.reason


def test_the_python_shop_needs_no_node(machine: Machine) -> None:
    assert choose("python").shop is PYTHON
    assert machine.calls() == []


def test_where_everything_is_there_auto_takes_the_express_shop(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applications, "prepare", lambda *_, **__: None)
    assert choose("auto").shop is EXPRESS
    assert choose("express").shop is EXPRESS


def test_a_shop_nobody_knows_is_wrong_usage() -> None:
    with pytest.raises(ShopRefused, match="no shop flask") as caught:
        choose("flask")  # type: ignore[arg-type]
    assert caught.value.exit_code == ExitCode.WRONG_USAGE
