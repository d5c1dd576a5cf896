"""The table of what AWS offers where agrees with cfn-lint's; a stack file that asks for more is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cfnlint
import pytest

from infra.offerings import AURORA, CACHES, MACHINES, POSTGRES, load_offerings
from infra.settings import load_settings
from monitor.stack_file import BadStackFile

if TYPE_CHECKING:
    from collections.abc import Callable

EXTENSIONS = Path(cfnlint.__file__).parent / "data" / "schemas" / "extensions"
FILES = {
    MACHINES: "aws_ec2_instance/instancetype_enum.json",
    POSTGRES: "aws_rds_dbinstance/dbinstanceclass_enum.json",
    AURORA: "aws_rds_dbinstance/dbinstanceclass_enum.json",
    CACHES: "aws_elasticache_cachecluster/cachenodetype_enum.json",
}


def listed(document: Any) -> set[str]:
    """Every value of every enumeration below."""
    if isinstance(document, dict):
        own = {str(value) for value in document.get("enum", ())}
        return own.union(*(listed(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(listed(value) for value in document))
    return set()


@pytest.mark.parametrize("service", FILES)
def test_every_size_of_the_table_is_offered_where_it_says(service: str) -> None:
    document = json.loads((EXTENSIONS / FILES[service]).read_text(encoding="utf-8"))
    offerings = load_offerings()
    offered = {region: listed(document[region]) for region in offerings.regions if region in document}
    for (of, name), family in offerings.families.items():
        if of != service:
            continue
        anywhere = {size for sizes in offered.values() for size in sizes if size.rpartition(".")[0] == name}
        assert {f"{name}.{step}" for step in family.sizes} <= anywhere
        assert family.not_in <= offerings.regions


@pytest.mark.parametrize(
    ("phase", "key", "value", "why"),
    [
        ("phase-1", "aws:region", "us-east-9", "us-east-9 is not a region of AWS; there are us-east-"),
        ("phase-1", "aws:region", "eu-centrl-1", "there are eu-central-1"),
        ("phase-1", "outgrow:sizes.host.type", "t4g.9xlarge", "t4g is offered as nano, micro"),
        ("phase-1", "outgrow:sizes.cache.node", "cache.t4g.2xlarge", "cache.t4g is offered as"),
        ("phase-2", "outgrow:sizes.database.type", "db.t4g.4xlarge", "db.t4g is offered as"),
        ("phase-2", "outgrow:sizes.database.replica_type", "db.m7g.micro", "db.m7g is offered as"),
        ("phase-3", "outgrow:network.secondary.region", "us-west-7", "us-west-7 is not a region of AWS"),
        ("phase-3", "outgrow:sizes.database.type", "db.r7g.9xlarge", "db.r7g is offered as"),
    ],
)
def test_what_does_not_exist_is_refused_by_key_and_file(
    edit_stack: Callable[..., Path], phase: str, key: str, value: str, why: str
) -> None:
    stacks = edit_stack(phase, {key: value})
    with pytest.raises(BadStackFile) as refused:
        load_settings(phase, stacks)
    assert f"Pulumi.{phase}.yaml: {key} is wrong" in refused.value.what
    assert why in refused.value.why


def test_a_size_that_the_region_lacks_names_the_region(edit_stack: Callable[..., Path]) -> None:
    changes = {"aws:region": "ca-west-1", "outgrow:sizes.host.type": "m7g.large"}
    with pytest.raises(BadStackFile, match=r"sizes\.host\.type is wrong") as refused:
        load_settings("phase-1", edit_stack("phase-1", changes))
    assert refused.value.why == "ca-west-1 does not offer m7g"


@pytest.mark.parametrize(
    ("phase", "changes", "named"),
    [
        ("phase-1", {"outgrow:app.secrets": {"KEY": "hunter2"}}, "outgrow:app.secrets.KEY is wrong"),
        ("phase-1", {"outgrow:app.environment": {"A-B": "x"}}, "outgrow:app.environment.A-B"),
        ("phase-1", {"outgrow:app.environment": {"A": "x\ny"}}, "outgrow:app.environment.A is wrong"),
        ("phase-1", {"outgrow:app.environment": {"DATABASE_URL": "x"}}, "outgrow:app is wrong"),
        ("phase-1", {"outgrow:app.sqlite_path": "/data/a b"}, "outgrow:app.sqlite_path is wrong"),
        ("phase-1", {"outgrow:monitor.image": "Not One"}, "outgrow:monitor.image is wrong"),
        ("phase-1", {"outgrow:images": {"cady": "x"}}, "outgrow:images.cady is not a known key"),
        ("phase-1", {"outgrow:migration_path": {"from": "phase-2"}}, "outgrow:migration_path is wrong"),
        ("phase-2", {"outgrow:migration_path": {"from": "phase-2"}}, "outgrow:migration_path.from is wrong"),
        ("phase-2", {"outgrow:sizes.database.pooling": "none"}, "outgrow:sizes.database.pooling is wrong"),
        ("phase-3", {"outgrow:services": {"api": {"paths": []}}}, "outgrow:services.api"),
        ("phase-3", {"outgrow:sizes.agent": "other"}, "outgrow:sizes.agent is wrong"),
    ],
)
def test_what_is_wrong_about_the_application_is_named(
    edit_stack: Callable[..., Path], phase: str, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadStackFile) as refused:
        load_settings(phase, edit_stack(phase, changes))
    assert named in refused.value.what
