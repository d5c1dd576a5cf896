"""A stand-in for the Pulumi CLI towards the Automation API: its arguments, texts, events and exit codes.

It deploys nothing and evaluates nothing: the graph it "deploys" is a pickle that the test has put beside its
state. What it is asked for is kept, call by call, in calls.jsonl. FAKE_PULUMI says what goes wrong. The texts
are the engine's and the CLI's own.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(os.environ["FAKE_PULUMI_HOME"])
TROUBLE = os.environ.get("FAKE_PULUMI", "")
LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or "
    "delete the lock file with `pulumi cancel`.\n"
    "  file:///state/.pulumi/locks/organization/outgrow/phase-1/0a.json: "
    "created by ann@desk (pid 285) at 2026-11-20T08:15:00Z"
)


def fail(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.exit(255)


def state_file(stack: str) -> Path:
    return HOME / f"{stack}.json"


def resources(stack: str) -> dict[str, Any]:
    return json.loads(state_file(stack).read_text())["resources"]


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def metadata(op: str, urn: str, type_: str, diffs: list[str]) -> dict[str, Any]:
    return {"op": op, "urn": urn, "type": type_, "provider": "", "old": None, "new": None, "diffs": diffs}


def diagnostic(message: str, urn: str = "") -> dict[str, Any]:
    coloured = f"<{{%reset%}}>{message}<{{%reset%}}>\n"
    return {"diagnosticEvent": {"message": coloured, "color": "never", "severity": "error", "urn": urn}}


def steps(stack: str, *, destroy: bool) -> list[tuple[str, str, str, list[str], Any]]:
    """Operation, URN, type, changed inputs, new state: for all there is and all that is wanted."""
    there = resources(stack)
    wanted = () if destroy else pickle.loads((HOME / "graph.pickle").read_bytes()).resources
    found = []
    for one in wanted:
        new = {"type": one.type, "inputs": json.loads(json.dumps(dict(one.inputs))), "protect": one.protect}
        old = there.get(one.urn)
        if old is None:
            found.append(("create", one.urn, one.type, [], new))
            continue
        names = old["inputs"].keys() | new["inputs"].keys()
        diffs = sorted(name for name in names if old["inputs"].get(name) != new["inputs"].get(name))
        found.append(("update" if diffs else "same", one.urn, one.type, diffs, new))
    kept = {one.urn for one in wanted}
    return found + [
        ("delete", urn, old["type"], [], old) for urn, old in reversed(there.items()) if urn not in kept
    ]


def events(stack: str, *, destroy: bool, apply: bool) -> Iterator[dict[str, Any]]:
    state, counts = resources(stack), {}
    for op, urn, type_, diffs, new in steps(stack, destroy=destroy):
        counts[op] = counts.get(op, 0) + 1
        yield {"resourcePreEvent": {"metadata": metadata(op, urn, type_, diffs), "planning": not apply}}
        if not apply:
            continue
        if op == "delete" and new["protect"]:
            yield diagnostic(
                f'resource "{urn}" cannot be deleted\nbecause it is protected. To unprotect the '
                "resource, either remove the `protect` flag from the resource in your Pulumi program and run "
                "`pulumi up`, or use the command:\n"
                f"`pulumi state unprotect '{urn}'`",
                urn,
            )
            raise RuntimeError
        if TROUBLE == "denied" and op == "create" and type_.startswith("aws:"):
            yield {"resOpFailedEvent": {"metadata": metadata(op, urn, type_, []), "status": 2, "steps": 1}}
            yield diagnostic("creating EC2 VPC: UnauthorizedOperation: You are not authorized", urn)
            raise RuntimeError
        if op == "delete":
            del state[urn]
        else:
            state[urn] = new
        state_file(stack).write_text(json.dumps({"resources": state}))
        yield {"resOutputsEvent": {"metadata": metadata(op, urn, type_, diffs)}}
    yield {
        "summaryEvent": {
            "maybeCorrupt": False,
            "durationSeconds": 1,
            "resourceChanges": counts,
            "PolicyPacks": {},
        }
    }


def operate(arguments: list[str]) -> None:
    import grpc
    from pulumi.runtime.proto import events_pb2, events_pb2_grpc

    command, stack = arguments[0], option(arguments, "--stack")
    failed = False
    if TROUBLE == "locked":
        fail(LOCKED)
    preview = command == "preview" or "--preview-only" in arguments

    def stream() -> Iterator[Any]:
        nonlocal failed
        try:
            for number, event in enumerate(events(stack, destroy=command == "destroy", apply=not preview)):
                yield events_pb2.EventRequest(event=json.dumps({"sequence": number, "timestamp": 0, **event}))
        except RuntimeError:
            failed = True

    with grpc.insecure_channel(option(arguments, "--event-log").removeprefix("tcp://")) as channel:
        events_pb2_grpc.EventsStub(channel).StreamEvents(stream())
    if failed:
        sys.stdout.write("Diagnostics:\n")
        fail("error: update failed")
    sys.stdout.write("Resources: done\n")


def main(arguments: list[str]) -> None:
    with (HOME / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"argv": arguments, "cwd": str(Path.cwd())}) + "\n")
    if arguments == ["version"]:
        sys.stdout.write(os.environ.get("FAKE_PULUMI_VERSION", "v3.272.0") + "\n")
        return
    if arguments[0] != "--non-interactive":
        fail("error: --non-interactive must be passed when the output is not a terminal")
    arguments = arguments[1:]
    if arguments[:2] == ["stack", "init"]:
        stack = option(arguments, "--stack") if "--stack" in arguments else arguments[2]
        state_file(stack).write_text('{"resources": {}}')
        (HOME / "selected").write_text(stack)
        return
    stack = option(arguments, "--stack") if "--stack" in arguments else (HOME / "selected").read_text()
    if not state_file(stack).exists():
        fail(f"error: no stack named '{stack}' found")
    elif arguments[:2] == ["stack", "select"]:
        (HOME / "selected").write_text(stack)
    elif arguments[:2] == ["stack", "output"]:
        outputs = (
            {"app_url": "https://shop.test", "database_port": 5432, "token": "[secret]"}
            if resources(stack)
            else {}
        )
        if outputs and "--show-secrets" in arguments:
            outputs["token"] = "hunter2"
        sys.stdout.write(json.dumps(outputs))
    elif arguments[:2] == ["stack", "history"]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        about = {
            "kind": "update",
            "startTime": now,
            "endTime": now,
            "message": "",
            "environment": {},
            "config": {},
        }
        sys.stdout.write(json.dumps([{**about, "result": "succeeded", "version": 1, "resourceChanges": {}}]))
    elif arguments[:2] == ["state", "unprotect"]:
        open_to_all = {urn: {**one, "protect": False} for urn, one in resources(stack).items()}
        state_file(stack).write_text(json.dumps({"resources": open_to_all}))
    elif arguments[0] in {"preview", "up", "destroy"}:
        operate(arguments)
    else:
        fail(f"error: unknown command {arguments}")


if __name__ == "__main__":
    main(sys.argv[1:])
