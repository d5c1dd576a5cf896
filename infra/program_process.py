"""Runs a Pulumi program in a process of its own, as Pulumi's language host does.

It loads the SDK first and then waits for a line on standard input, so that its caller can start the engine's
side meanwhile. A program that raises is reported as JSON in the file named by --report; what the program
prints stays its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import runpy
import sys
import traceback
from pathlib import Path

import grpc
import pulumi
import pulumi.runtime
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class WithoutDebug:
    """The engine, without the SDK's debug lines: several calls for every resource, and nobody reads them."""

    def __init__(self, address: str) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def Log(self, request: engine_pb2.LogRequest) -> object:  # noqa: N802  # the protocol's name
        return None if request.severity == engine_pb2.DEBUG else self._engine.Log(request)

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


def main() -> int:
    """Run the program; 0 when it ran to its end, 1 when it raised."""
    gc.disable()  # the process lives for seconds and makes thousands of classes: collecting takes a third
    parser = argparse.ArgumentParser()
    for name in ("project", "stack", "root", "monitor", "engine", "mode", "report", "program"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    sys.stdin.readline()
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=options.monitor,
            engine=WithoutDebug(options.engine),
            project=options.project,
            stack=options.stack,
            dry_run=options.mode == "preview",
            root_directory=options.root,
        )
    )
    logging.getLogger("asyncio").setLevel(
        logging.CRITICAL
    )  # tasks left open by a failed program say nothing new
    program = options.program
    sys.argv = [program]

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        asyncio.run(pulumi.runtime.run_in_stack(run))
    except BaseException as error:  # noqa: BLE001  # whatever the program raises is the caller's to report
        report = {"kind": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
        Path(options.report).write_text(json.dumps(report), encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
