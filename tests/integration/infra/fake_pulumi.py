"""A stand-in for the Pulumi CLI towards the Automation API: arguments, texts, events, files, exit codes.

It deploys nothing and evaluates nothing: the graph it "deploys" is a pickle that the test has put beside its
state, what is "really there" is drift.json. What it is asked for is kept, call by call, in calls.jsonl.
FAKE_PULUMI says what goes wrong: `deny`, `fail:NAME`, `kill:NAME`. Texts, event order, lock files and the
keys that a stack file gets are the engine's and the CLI's own (pulumi 3.272).
"""

from __future__ import annotations

import getpass
import json
import os
import pickle
import signal
import socket
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(os.environ["FAKE_PULUMI_HOME"])
TROUBLE = os.environ.get("FAKE_PULUMI", "")
BACKEND = os.environ.get("PULUMI_BACKEND_URL", "")
LOCKED = (
    "error: the stack is currently locked by {count} lock(s). Either wait for the other "
    "process(es) to end or delete the lock file with `pulumi cancel`."
)
VERBS = {"create": "creating", "create-replacement": "creating", "update": "updating", "delete": "deleting"}


def fail(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.exit(255)


def place() -> Path:
    """Where the backend keeps its files; a bucket is a folder here."""
    scheme, _, rest = BACKEND.partition("://")
    if not scheme:
        return HOME / "cloud"
    return Path(rest) if scheme == "file" else HOME / scheme / rest.partition("?")[0]


def state_file(stack: str) -> Path:
    return place() / ".pulumi" / "stacks" / "outgrow" / f"{stack}.json"


def read(stack: str) -> dict[str, Any]:
    return json.loads(state_file(stack).read_text())


def write(stack: str, state: dict[str, Any]) -> None:
    state_file(stack).parent.mkdir(parents=True, exist_ok=True)
    state_file(stack).write_text(json.dumps(state))


def locks(stack: str) -> Path:
    return place() / ".pulumi" / "locks" / "organization" / "outgrow" / stack


def take_lock(stack: str) -> Path:
    folder = locks(stack)
    folder.mkdir(parents=True, exist_ok=True)
    held = sorted(folder.iterdir())
    if held:
        lines = [LOCKED.format(count=len(held))]
        for one in held:
            lock = json.loads(one.read_text())
            lines.append(
                f"  {one.as_uri()}: created by {lock['username']}@{lock['hostname']} "
                f"(pid {lock['pid']}) at {lock['timestamp']}"
            )
        fail("\n".join(lines))
    mine = folder / f"{uuid.uuid4()}.json"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"pid": os.getpid(), "username": getpass.getuser(), "hostname": socket.gethostname()}
    mine.write_text(json.dumps({**about, "timestamp": now}))
    return mine


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def metadata(op: str, urn: str, type_: str, diffs: list[str]) -> dict[str, Any]:
    return {"op": op, "urn": urn, "type": type_, "provider": "", "old": None, "new": None, "diffs": diffs}


def diagnostic(message: str, urn: str = "") -> dict[str, Any]:
    coloured = f"<{{%reset%}}>{message}<{{%reset%}}>\n"
    return {"diagnosticEvent": {"message": coloured, "color": "never", "severity": "error", "urn": urn}}


def steps(state: dict[str, Any], *, destroy: bool) -> list[tuple[str, str, str, list[str], Any]]:
    """Operation, URN, type, changed inputs, new state: for all there is and all that is wanted."""
    from infra.replacement import forcing_replacement  # what a provider would answer to Diff

    there = state["resources"]
    wanted = () if destroy else pickle.loads((HOME / "graph.pickle").read_bytes()).resources
    found, late = [], []
    for one in wanted:
        new = {"type": one.type, "inputs": json.loads(json.dumps(dict(one.inputs))), "protect": one.protect}
        old = there.get(one.urn)
        if old is None:
            found.append(("create", one.urn, one.type, [], new))
            continue
        names = old["inputs"].keys() | new["inputs"].keys()
        diffs = sorted(name for name in names if old["inputs"].get(name) != new["inputs"].get(name))
        if forcing_replacement(one.type, one.inputs) & set(diffs):
            found.append(("create-replacement", one.urn, one.type, diffs, {**new, "old": old}))
            found.append(("replace", one.urn, one.type, diffs, new))
            late.insert(0, ("delete-replaced", one.urn, one.type, diffs, old))
        else:
            changed = diffs or old["protect"] != new["protect"]
            found.append(("update" if changed else "same", one.urn, one.type, diffs, new))
    kept = {one.urn for one in wanted}
    gone = [("delete", urn, old["type"], [], old) for urn, old in reversed(there.items()) if urn not in kept]
    return found + late + gone


def protected(urn: str, op: str) -> dict[str, Any]:
    if op == "delete":
        return diagnostic(
            f'resource "{urn}" cannot be deleted\nbecause it is protected. To unprotect the '
            "resource, either remove the `protect` flag from the resource in your Pulumi program and run "
            f"`pulumi up`, or use the command:\n`pulumi state unprotect '{urn}'`",
            urn,
        )
    return diagnostic(
        f'unable to replace resource "{urn}"\nas it is currently marked for protection. To unprotect the '
        "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`",
        urn,
    )


def events(stack: str, *, destroy: bool, apply: bool) -> Iterator[dict[str, Any]]:
    state, counts = read(stack), {}
    state["pending"] = [] if apply else state["pending"]
    for op, urn, type_, diffs, new in steps(state, destroy=destroy):
        counts[op] = counts.get(op, 0) + 1
        if op == "create-replacement" and new["old"]["protect"] and new["protect"]:
            yield protected(urn, op)
            raise RuntimeError
        yield {"resourcePreEvent": {"metadata": metadata(op, urn, type_, diffs), "planning": not apply}}
        if apply:
            yield from carry_out(stack, state, (op, urn, type_, new))
        outputs = {"metadata": metadata(op, urn, type_, diffs), "planning": not apply}
        yield {"resOutputsEvent": outputs}
    summary = {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": counts, "PolicyPacks": {}}
    yield {"summaryEvent": summary}


def carry_out(stack: str, state: dict[str, Any], step: tuple[str, str, str, Any]) -> Iterator[dict[str, Any]]:
    op, urn, type_, new = step
    if op == "delete" and new["protect"]:
        yield protected(urn, op)
        raise RuntimeError
    if op in VERBS:
        about = {"urn": urn, "custom": True, "type": type_}
        write(stack, {**state, "pending": [{"resource": about, "type": VERBS[op]}]})
        trouble, _, name = TROUBLE.partition(":")
        if trouble == "kill" and urn.endswith(f"::{name}"):
            os.kill(os.getpid(), signal.SIGKILL)
        denied = trouble == "deny" and op == "create" and type_.startswith("aws:")
        if denied or (trouble == "fail" and urn.endswith(f"::{name}")):
            write(stack, state)
            yield {"resOpFailedEvent": {"metadata": metadata(op, urn, type_, []), "status": 2, "steps": 1}}
            yield diagnostic("creating EC2 VPC: UnauthorizedOperation: You are not authorized", urn)
            raise RuntimeError
    if op == "delete":
        del state["resources"][urn]
    elif op not in {"replace", "delete-replaced"}:
        state["resources"][urn] = {name: value for name, value in new.items() if name != "old"}
    write(stack, state)


def refresh(stack: str, *, apply: bool, clear: bool) -> Iterator[dict[str, Any]]:
    """Read everything: a step begins as `refresh` and ends as what it found."""
    state = read(stack)
    drift = json.loads((HOME / "drift.json").read_text()) if (HOME / "drift.json").exists() else {}
    for urn, one in list(state["resources"].items()):
        yield {
            "resourcePreEvent": {"metadata": metadata("refresh", urn, one["type"], []), "planning": not apply}
        }
        op, diffs = "same", []
        if urn in drift and drift[urn] is None:
            op = "delete"
            del state["resources"][urn]
        elif urn in drift:
            op, diffs = "update", sorted(drift[urn])
            one["inputs"] |= drift[urn]
        yield {"resOutputsEvent": {"metadata": metadata(op, urn, one["type"], diffs), "planning": not apply}}
    summary = {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {}, "PolicyPacks": {}}
    yield {"summaryEvent": summary}
    if apply:
        kept = [] if clear else [one for one in state["pending"] if one["type"] == "creating"]
        write(stack, {**state, "pending": kept})


def operate(arguments: list[str]) -> None:
    command, stack = arguments[0], option(arguments, "--stack")
    preview = command == "preview" or "--preview-only" in arguments
    lock = None if preview else take_lock(stack)  # previews take none
    if command == "refresh":
        found = refresh(stack, apply=not preview, clear="--clear-pending-creates" in arguments)
    else:
        found = events(stack, destroy=command == "destroy", apply=not preview)
    failed = False

    def lines() -> Iterator[str]:
        nonlocal failed
        try:
            for number, event in enumerate(found):
                yield json.dumps({"sequence": number, "timestamp": 0, **event})
        except RuntimeError:
            failed = True
        yield json.dumps({"sequence": -1, "timestamp": 0, "cancelEvent": {}})  # the engine's last word

    send(option(arguments, "--event-log"), lines())
    if lock is not None:
        lock.unlink()
    if failed:
        sys.stdout.write("Diagnostics:\n")
        fail(f"error: {'preview' if preview else 'update'} failed")
    sys.stdout.write("Resources: done\n")


def send(log: str, lines: Iterator[str]) -> None:
    """Tell what happens: over gRPC since 3.206, into a file before."""
    if not log.startswith("tcp://"):
        with Path(log).open("a") as file:
            file.writelines(line + "\n" for line in lines)
        return
    import grpc
    from pulumi.runtime.proto import events_pb2, events_pb2_grpc

    with grpc.insecure_channel(log.removeprefix("tcp://")) as channel:
        requests = (events_pb2.EventRequest(event=line) for line in lines)
        events_pb2_grpc.EventsStub(channel).StreamEvents(requests)


def init(arguments: list[str]) -> None:
    stack = option(arguments, "--stack") if "--stack" in arguments else arguments[2]
    provider = option(arguments, "--secrets-provider") if "--secrets-provider" in arguments else ""
    settings = Path.cwd() / "stacks" / f"Pulumi.{stack}.yaml"
    if provider not in {"", "default", "passphrase"}:
        settings.write_text(f"secretsprovider: {provider}\nencryptedkey: AQICAHg=\n" + settings.read_text())
    elif BACKEND or provider == "passphrase":
        if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & os.environ.keys():
            fail(
                "error: could not create stack: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or "
                "PULUMI_CONFIG_PASSPHRASE_FILE environment variables"
            )
        settings.write_text("encryptionsalt: v1:dGVzdA==:v1:dGVzdA==:dGVzdA==\n" + settings.read_text())
    write(stack, {"resources": {}, "pending": []})
    (HOME / "selected").write_text(stack)


def show(arguments: list[str], stack: str) -> None:
    """The commands that print JSON."""
    state = read(stack)
    if arguments[1] == "output":
        outputs = {"app_url": "https://shop.test", "database_port": 5432, "token": "[secret]"}
        if state["resources"] and "--show-secrets" in arguments:
            outputs["token"] = "hunter2"
        sys.stdout.write(json.dumps(outputs if state["resources"] else {}))
    elif arguments[1] == "export":
        resources = [{"urn": urn, **one} for urn, one in state["resources"].items()]
        deployment = {"resources": resources, "pending_operations": state["pending"]}
        sys.stdout.write(json.dumps({"version": 3, "deployment": deployment}))
    elif arguments[1] == "history":
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        about = {"kind": "update", "startTime": now, "endTime": now, "message": "", "environment": {}}
        done = {"config": {}, "result": "succeeded", "version": 1, "resourceChanges": {}}
        sys.stdout.write(json.dumps([{**about, **done}]))


def main(arguments: list[str]) -> None:
    with (HOME / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"argv": arguments, "cwd": str(Path.cwd())}) + "\n")
    if arguments == ["version"]:
        sys.stdout.write(os.environ.get("FAKE_PULUMI_VERSION", "v3.272.0") + "\n")
        return
    if "--non-interactive" not in arguments:
        fail("error: --non-interactive must be passed when the output is not a terminal")
    arguments = [word for word in arguments if word != "--non-interactive"]
    if arguments[:2] == ["stack", "init"]:
        init(arguments)
        return
    stack = option(arguments, "--stack") if "--stack" in arguments else (HOME / "selected").read_text()
    if not state_file(stack).exists():
        fail(f"error: no stack named '{stack}' found")
    elif arguments[:2] == ["stack", "select"]:
        (HOME / "selected").write_text(stack)
    elif arguments[:2] in (["stack", "output"], ["stack", "export"], ["stack", "history"]):
        show(arguments, stack)
    elif arguments[:2] == ["state", "unprotect"]:
        state = read(stack)
        open_to_all = {urn: {**one, "protect": False} for urn, one in state["resources"].items()}
        write(stack, {**state, "resources": open_to_all})
    elif arguments[0] == "cancel":
        for lock in locks(stack).iterdir():
            lock.unlink()
    elif arguments[0] in {"preview", "up", "destroy", "refresh"}:
        operate(arguments)
    else:
        fail(f"error: unknown command {arguments}")


if __name__ == "__main__":
    main(sys.argv[1:])
