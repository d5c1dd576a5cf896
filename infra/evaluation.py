"""Evaluates the real Pulumi program offline: no Pulumi CLI, no cloud account, no network.

The program runs in a process of its own (`program_process`) against our side of Pulumi's protocol
(`resource_monitor`) over a Unix socket. What comes back is the graph it declared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.errors import ProgramFailed
from infra.stack_file import ROOT, as_pulumi_hands_it_over, read_project, stack_config, stack_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.graph import Graph

#: Seconds a program may take; ours need about two.
TIMEOUT = 120.0
#: Seconds for a killed program to be gone.
KILL_TIMEOUT = 10.0


class Mode(Enum):
    """What a program is told of values that only the cloud can compute."""

    PREVIEW = "preview"  # nothing: they are unknown
    REHEARSAL = "rehearsal"  # names that say they are made up


def evaluate(
    phase: str,
    *,
    stacks: Path | None = None,
    mode: Mode = Mode.REHEARSAL,
    program: Path = ROOT / "__main__.py",
    overrides: Mapping[str, Any] | None = None,
) -> Graph:
    """Run the program for a phase and capture the graph it declares.

    Args:
        phase: the stack's name, such as "phase-2".
        stacks: the folder of the stack files; the project's own by default.
        mode: whether computed values are unknown or made up.
        program: the Pulumi program.
        overrides: configuration in place of the stack file's, by full key, such as "aws:region".

    Raises:
        ProgramFailed: the program raised, declared two resources of one name, or did not end in time.
        monitor.phases.BadStackFile: there is no such stack file.
    """
    config = {**stack_config(phase, stacks), **(overrides or {})}
    run = _Run(phase, read_project().name, config, mode, stack_path(phase, stacks))
    with tempfile.TemporaryDirectory(prefix="outgrow-evaluation-") as folder:
        socket, report = f"unix:{folder}/engine", Path(folder) / "report"
        command = [sys.executable, "-m", "infra.program_process", "--project", run.project, "--stack", phase]
        command += ["--root", str(ROOT), "--monitor", socket, "--engine", socket, "--mode", mode.value]
        command += ["--report", str(report), "--program", str(program)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        environment["PULUMI_CONFIG"] = json.dumps(as_pulumi_hands_it_over(run.config))
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                return _serve(process, run, socket, report)
            finally:
                process.kill()


@dataclass(frozen=True)
class _Run:
    """One evaluation: of which stack, configured how, told what of computed values."""

    phase: str
    project: str
    config: Mapping[str, Any]
    mode: Mode
    stack_file: Path


def _serve(process: subprocess.Popen[bytes], run: _Run, socket: str, report: Path) -> Graph:
    """Start the engine's side while the program's process still loads the SDK; then let it run to its end."""
    import grpc  # noqa: PLC0415  # these three load the SDK: half a second that only an evaluation needs
    from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc  # noqa: PLC0415

    from infra.resource_monitor import QuietEngine, RecordingMonitor  # noqa: PLC0415

    region = str(run.config.get("aws:region", ""))
    monitor = RecordingMonitor(run.phase, run.project, region, made_up=run.mode is Mode.REHEARSAL)
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(QuietEngine(), server)
    server.add_insecure_port(socket)
    server.start()
    try:
        printed, _ = process.communicate(b"go\n", timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise ProgramFailed(
            f"the program of {run.phase} did not end within {TIMEOUT:.0f} s",
            next_step=f"look at {run.stack_file}",
        ) from None
    finally:
        server.stop(None).wait(KILL_TIMEOUT)
    if process.returncode != 0:
        raise _failure(run, monitor.refusal, report, printed)
    return monitor.graph()


def _failure(run: _Run, refusal: str | None, report: Path, printed: bytes) -> ProgramFailed:
    what = f"the program of {run.phase} failed"
    next_step = f"correct {run.stack_file.name} or the component, then: outgrow infra plan {run.phase}"
    if refusal:
        return ProgramFailed(what, why=refusal, next_step=next_step)
    if report.exists():
        raised = json.loads(report.read_text(encoding="utf-8"))
        error = ProgramFailed(what, why=f"{raised['kind']}: {raised['message']}", next_step=next_step)
        error.add_note(raised["traceback"])
        return error
    last = printed.decode(errors="replace").strip()[-2000:]
    return ProgramFailed(what, why=last or "its process ended without a word")
