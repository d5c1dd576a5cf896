"""Programs are evaluated as Pulumi would: own process, protocol, unknowns, one clear error for what fails."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from infra.errors import ProgramFailed
from infra.evaluation import Mode, evaluate
from infra.graph import SECRET, UNKNOWN, Graph, in_dependency_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PHASES = ("phase-1", "phase-2", "phase-3")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Graph]:
    """A function that evaluates a program given as text, each text and mode once."""

    @functools.cache
    def evaluate_text(text: str, mode: Mode = Mode.REHEARSAL) -> Graph:
        program = tmp_path_factory.mktemp("program") / "program.py"
        program.write_text("import pulumi\nimport pulumi_aws as aws\n" + textwrap.dedent(text))
        return evaluate("phase-1", program=program, mode=mode)

    return evaluate_text


NETWORK = """
vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
subnet = aws.ec2.Subnet("sub", vpc_id=vpc.id, cidr_block="10.0.0.0/20", opts=pulumi.ResourceOptions(
    protect=True, ignore_changes=["tags"], delete_before_replace=True, retain_on_delete=True,
    replace_on_changes=["assignIpv6AddressOnCreation"],
    aliases=[pulumi.Alias(name="old")], depends_on=[vpc]))
secret = pulumi.Output.secret("hunter2")
parameter = aws.ssm.Parameter("key", type="SecureString", value=secret)
pulumi.export("vpc", vpc.id)
pulumi.export("arn", vpc.arn)
pulumi.export("value", parameter.value)
pulumi.export("cidr", vpc.cidr_block)
"""


def test_a_preview_leaves_what_the_cloud_computes_unknown(run: Callable[..., Graph]) -> None:
    graph = run(NETWORK, Mode.PREVIEW)
    (subnet,) = graph.of_type("aws:ec2/subnet:Subnet")
    assert subnet.inputs["vpcId"] == UNKNOWN
    assert graph.outputs == {"arn": UNKNOWN, "cidr": "10.0.0.0/16", "value": SECRET, "vpc": UNKNOWN}


def test_a_rehearsal_answers_with_names_that_say_they_are_made_up(run: Callable[..., Graph]) -> None:
    graph = run(NETWORK)
    (vpc,) = graph.of_type("aws:ec2/vpc:Vpc")
    (subnet,) = graph.of_type("aws:ec2/subnet:Subnet")
    assert "rehearsal" in vpc.id
    assert subnet.inputs["vpcId"] == vpc.id == graph.outputs["vpc"]
    assert graph.outputs["arn"] == f"arn:aws:ec2:us-east-1:000000000000:{vpc.id}"


def test_every_option_of_a_resource_is_kept(run: Callable[..., Graph]) -> None:
    graph = run(NETWORK)
    (vpc,) = graph.of_type("aws:ec2/vpc:Vpc")
    (subnet,) = graph.of_type("aws:ec2/subnet:Subnet")
    assert subnet.protect
    assert subnet.retain_on_delete
    assert subnet.delete_before_replace is True
    assert vpc.delete_before_replace is None
    assert subnet.ignore_changes == ("tags",)
    assert subnet.replace_on_changes == ("assignIpv6AddressOnCreation",)
    assert subnet.dependencies == (vpc.urn,)
    assert subnet.property_dependencies == {"vpcId": (vpc.urn,)}
    assert subnet.aliases == ("urn:pulumi:phase-1::outgrow::aws:ec2/subnet:Subnet::old",)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_secret_never_reaches_the_graph(run: Callable[..., Graph], mode: Mode) -> None:
    graph = run(NETWORK, mode)
    (parameter,) = graph.of_type("aws:ssm/parameter:Parameter")
    assert parameter.inputs["value"] == parameter.outputs["value"] == SECRET
    assert parameter.secret_inputs == ("value",)
    assert graph.secret_outputs == ("value",)
    assert "hunter2" not in repr(graph)


def test_an_output_that_is_declared_secret_is_one_for_whoever_uses_it(run: Callable[..., Graph]) -> None:
    graph = run("""
        opts = pulumi.ResourceOptions(additional_secret_outputs=["arn", "cidrBlock"])
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", opts=opts)
        pulumi.export("arn", vpc.arn)
        pulumi.export("said", pulumi.Output.concat("range ", vpc.cidr_block))
        pulumi.export("id", vpc.id)
    """)
    (vpc,) = graph.of_type("aws:ec2/vpc:Vpc")
    assert (vpc.outputs["arn"], vpc.outputs["cidrBlock"], vpc.inputs["cidrBlock"]) == (
        SECRET,
        SECRET,
        "10.0.0.0/16",
    )
    assert graph.secret_outputs == ("arn", "said")
    assert graph.outputs["id"] == vpc.id


def test_what_is_there_already_is_answered_for_and_not_deployed(run: Callable[..., Graph]) -> None:
    graph = run("""
        vpc = aws.ec2.Vpc.get("old", "vpc-0abc")
        aws.ec2.Subnet("sub", vpc_id=vpc.id, cidr_block="10.0.0.0/20")
        pulumi.export("arn", vpc.arn)
    """)
    assert not graph.of_type("aws:ec2/vpc:Vpc")
    (subnet,) = graph.of_type("aws:ec2/subnet:Subnet")
    assert subnet.inputs["vpcId"] == "vpc-0abc"
    assert graph.outputs["arn"] == "arn:aws:ec2:us-east-1:000000000000:vpc-0abc"


def test_outputs_of_another_stack_are_refused_with_the_way_out(run: Callable[..., Graph]) -> None:
    with pytest.raises(ProgramFailed) as failed:
        run('pulumi.StackReference("organization/outgrow/phase-1").get_output("vpc")')
    assert "hand the value over in the stack file" in failed.value.why


def test_the_option_deleted_with_is_kept(run: Callable[..., Graph]) -> None:
    graph = run("""
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        aws.ec2.Subnet("sub", vpc_id=vpc.id, cidr_block="10.0.0.0/20",
            opts=pulumi.ResourceOptions(deleted_with=vpc))
    """)
    (vpc,), (subnet,) = graph.of_type("aws:ec2/vpc:Vpc"), graph.of_type("aws:ec2/subnet:Subnet")
    assert subnet.deleted_with == vpc.urn


def test_two_resources_of_one_name_are_an_error_that_names_them(run: Callable[..., Graph]) -> None:
    with pytest.raises(ProgramFailed) as failed:
        run('aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")\naws.ec2.Vpc("net", cidr_block="10.1.0.0/16")')
    assert "two resources have the URN urn:pulumi:phase-1::outgrow::aws:ec2/vpc:Vpc::net" in failed.value.why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('raise ValueError("no such size")', "ValueError: no such size"),
        ("def broken(:", "SyntaxError"),
        ('aws.ec2.Vpc("net", cidr_blok="10.0.0.0/16")', "cidr_blok"),
        ("import sys; sys.exit(7)", "SystemExit: 7"),
        ("import os; os._exit(7)", "without a word"),
        ("aws.get_ip_ranges(services=['ec2'])", "aws:index/getIpRanges:getIpRanges"),
        ('vpc = aws.ec2.Vpc("a"); vpc.id.apply(lambda _: 1 / 0)', "ZeroDivisionError"),
    ],
)
def test_a_program_that_fails_gives_one_clear_error(run: Callable[..., Graph], text: str, why: str) -> None:
    with pytest.raises(ProgramFailed, match="the program of phase-1 failed") as failed:
        run(text)
    assert why in failed.value.why


def test_a_program_that_never_ends_is_ended(
    run: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.evaluation.TIMEOUT", 2.0)
    with pytest.raises(ProgramFailed, match="did not end within 2 s"):
        run("import time; time.sleep(600)")


def test_what_the_program_prints_and_the_callers_own_pulumi_settings_do_no_harm(
    run: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"outgrow:phase": "someone-elses"}')
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hunter2")
    text = """
        import os
        print("hello" * 20000)
        pulumi.export("seen", sorted(key for key in os.environ if "PULUMI" in key))
    """
    graph = run(text)
    assert graph.outputs == {"seen": ["PULUMI_CONFIG"]}


@pytest.mark.parametrize("phase", PHASES)
def test_a_preview_declares_the_same_resources_as_a_rehearsal(
    graph_of: Callable[..., Graph], phase: str
) -> None:
    seen, done = graph_of(phase, Mode.PREVIEW), graph_of(phase)
    assert [one.urn for one in seen.resources] == [one.urn for one in done.resources]
    for known in done.resources:
        unknown = seen[known.urn]
        assert unknown.dependencies == known.dependencies
        assert (unknown.protect, unknown.inputs.keys()) == (known.protect, known.inputs.keys())
    assert seen.outputs.keys() == done.outputs.keys()


def test_two_evaluations_agree_to_the_letter(graph_of: Callable[..., Graph]) -> None:
    again = evaluate("phase-1")
    assert again == graph_of("phase-1")
    assert again.resources == in_dependency_order(again.resources)


def test_the_evaluation_works_from_any_folder_and_leaves_nothing_there(tmp_path: Path) -> None:
    code = "from infra.evaluation import evaluate; print(len(evaluate('phase-1').resources))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert int(done.stdout) > 50
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
