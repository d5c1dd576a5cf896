"""The rules under Prometheus' own tools: valid, tested, complete, and the same each time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from monitor.alerts.config import AlertsConfig
from monitor.alerts.table import ALERTS, AlertSeverity, alerts_for
from monitor.errors import ExitCode
from monitor.generated_files import ForeignFile
from monitor.phases import load_phase, load_roadmap
from monitor.rules.alerting import Rules, alerting_groups
from monitor.rules.bundle import ALERTING, ALERTMANAGER, PROMETHEUS, RECORDING, TESTS, rule_files
from monitor.rules.promql import Target, duration, number, quote
from outgrow import app

ROOT = Path(__file__).parents[3]
PHASES = [phase.id for phase in load_roadmap()]


def tool(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed; .ci/run installs it")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def written(
    folder: Path, phase: str = "phase-1", config: AlertsConfig | None = None, job: str = "outgrow"
) -> Path:
    rules = Rules(load_phase(phase), Target(job))
    for name, text in rule_files(rules, config or AlertsConfig(), address="127.0.0.1:9464").items():
        (folder / name).write_text(text)
    return folder


def alert_rules(phase: str = "phase-1") -> list[dict[str, Any]]:
    groups = alerting_groups(Rules(load_phase(phase), Target("outgrow")))
    return [rule for group in groups for rule in group["rules"]]


# --- Prometheus' tools ---


@pytest.mark.parametrize("phase", PHASES)
def test_promtool_accepts_rules_and_the_example_configuration(tmp_path: Path, phase: str) -> None:
    written(tmp_path, phase)
    checked = tool("promtool", "check", "rules", RECORDING, ALERTING, folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    checked = tool("promtool", "check", "config", PROMETHEUS, folder=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_the_rule_tests_pass_and_fail_when_a_limit_is_wrong(tmp_path: Path) -> None:
    written(tmp_path)
    passed = tool("promtool", "test", "rules", TESTS, folder=tmp_path)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    rules = (tmp_path / ALERTING).read_text()
    (tmp_path / ALERTING).write_text(rules.replace(">= 200\n", ">= 201\n"))
    assert rules != (tmp_path / ALERTING).read_text()
    tests = yaml.safe_load((tmp_path / TESTS).read_text())
    (tmp_path / TESTS).write_text(yaml.safe_dump({**tests, "tests": tests["tests"][:1]}))
    failed = tool("promtool", "test", "rules", TESTS, folder=tmp_path)
    assert failed.returncode != 0
    assert "OutgrowResponseTimeP95Warning" in failed.stdout + failed.stderr


def test_a_job_of_any_name_stays_a_string(tmp_path: Path) -> None:
    written(tmp_path, job='shop"} or vector(1) #\\')
    checked = tool("promtool", "check", "rules", RECORDING, ALERTING, folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "or vector(1)" in (tmp_path / ALERTING).read_text()
    assert 'job="shop\\"}' in (tmp_path / ALERTING).read_text().replace("\\\\\\", "\\")


def test_amtool_accepts_the_configuration_and_routes_by_severity(tmp_path: Path) -> None:
    written(tmp_path)
    checked = tool("amtool", "check-config", ALERTMANAGER, folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    for labels, receiver in (
        ("severity=critical", "outgrow-critical"),
        ("severity=warning", "outgrow-warning"),
        ("severity=none", "outgrow-default"),
    ):
        route = ("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}")
        tested = tool(*route, f"--verify.receivers={receiver}", labels, folder=tmp_path)
        assert tested.returncode == 0, tested.stdout + tested.stderr


RECEIVERS = AlertsConfig.model_validate(
    {
        "receivers": [
            {"name": "ops", "type": "slack", "url_file": "/run/secrets/slack", "severities": ["critical"]},
            {"name": "dba", "type": "webhook", "url": "http://127.0.0.1:1/hook", "groups": ["database"]},
            {"name": "queue", "type": "sns", "topic_arn": "arn:aws:sns:eu-west-1:123456789012:alerts"},
            {
                "name": "mail",
                "type": "email",
                "host": "smtp.example.org",
                "from": "outgrow@example.org",
                "to": ["ops@example.org"],
                "username": "outgrow",
                "password_env": "SMTP_PASSWORD",
            },
        ]
    }
)


def test_the_monitors_own_receivers_become_the_alertmanagers(tmp_path: Path) -> None:
    written(tmp_path, config=RECEIVERS)
    checked = tool("amtool", "check-config", ALERTMANAGER, folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    for labels, receivers in (
        (("severity=critical", "group=database"), "ops,dba,queue,mail"),
        (("severity=warning", "group=system"), "queue,mail"),
    ):
        route = ("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}")
        tested = tool(*route, f"--verify.receivers={receivers}", *labels, folder=tmp_path)
        assert tested.returncode == 0, tested.stdout + tested.stderr


# --- What stands in them ---


@pytest.mark.parametrize("phase", PHASES)
def test_every_alert_has_what_people_need_at_three_in_the_morning(phase: str) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "runbooks.md").read_text(), flags=re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9]+", "-", heading.lower()) for heading in headings}
    rules = alert_rules(phase)
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in set(AlertSeverity)
        assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == "docs/runbooks.md"
        assert anchor in anchors, f"{rule['alert']} has no runbook"


@pytest.mark.parametrize("phase", PHASES)
def test_every_alert_of_the_monitor_is_a_rule_with_the_same_number(phase: str) -> None:
    thresholds = load_phase(phase).thresholds
    rules = {rule["alert"]: rule for rule in alert_rules(phase)}
    for alert in alerts_for(thresholds):
        sign = ">=" if alert.severity is AlertSeverity.WARNING else ">"
        limit = alert.limit(thresholds)
        assert limit is not None
        first = rules[alert.rule_name]["expr"].splitlines()[0]
        assert first.endswith(f"{sign} {number(limit)}")
        assert f'metric="{alert.metric}"' in first


def test_the_later_phases_alert_on_replication_and_connections() -> None:
    named = {rule["alert"] for rule in alert_rules("phase-2")}
    assert "OutgrowReplicationLagCritical" in named
    assert {alert.rule_name for alert in ALERTS} <= named
    assert "OutgrowReplicationLagCritical" not in {rule["alert"] for rule in alert_rules("phase-1")}


def test_the_same_input_gives_the_same_bytes_and_valid_yaml() -> None:
    rules = Rules(load_phase("phase-1"), Target("outgrow"), "https://example.org/")
    first = rule_files(rules, RECEIVERS, address="x:1")
    assert first == rule_files(rules, RECEIVERS, address="x:1")
    for text in first.values():
        assert yaml.safe_load(text)
        assert "&id" not in text
    assert "https://example.org/docs/runbooks.md#" in first[ALERTING]


@pytest.mark.parametrize(
    ("seconds", "text"), [(120, "2m"), (900, "15m"), (10, "10s"), (86_400, "1d"), (90, "90s"), (0.5, "500ms")]
)
def test_durations_are_prometheus(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_and_strings_read_back_exactly() -> None:
    assert [number(value) for value in (1e9, 0.1, 14.4, 1e14)] == [
        "1000000000",
        "0.1",
        "14.4",
        "100000000000000",
    ]
    assert quote('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'


# --- The command ---


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["monitor", *arguments])


@pytest.mark.parametrize("kind", ["rules", "dashboards"])
def test_the_command_writes_once_and_leaves_foreign_and_edited_files_alone(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    dry = invoke(kind, "--out", str(out), "--dry-run")
    assert dry.exit_code == 0
    assert "would create" in dry.output
    assert not out.exists()
    assert invoke(kind, "--out", str(out)).exit_code == 0
    files = [path for path in sorted(out.iterdir()) if not path.name.startswith(".")]
    again = invoke(kind, "--out", str(out), "--json")
    assert {change["change"] for change in json.loads(again.output)["files"]} == {"unchanged"}
    # Another phase: what we wrote ourselves is brought up to date.
    assert "update" in invoke(kind, "--out", str(out), "--phase", "phase-2").output
    text = files[0].read_text()
    files[0].write_text(text + "\n# mine\n")
    edited = invoke(kind, "--out", str(out))
    assert isinstance(edited.exception, ForeignFile)
    assert edited.exception.exit_code is ExitCode.WRONG_USAGE
    assert "edited since" in edited.exception.why
    assert files[0].read_text().endswith("# mine\n")
    assert invoke(kind, "--out", str(out), "--force").exit_code == 0
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / files[0].name).write_text("somebody else's")
    refused = invoke(kind, "--out", str(foreign))
    assert isinstance(refused.exception, ForeignFile)
    assert (foreign / files[0].name).read_text() == "somebody else's"
    assert len(list(foreign.iterdir())) == 1
