"""The policy pack that `pulumi preview --policy-pack infra/policy` runs: one policy a rule.

A rule that looks at one resource only is asked before that resource is made; the others are asked once the
whole stack is known. Pulumi hands policies secrets unmasked, so that every secret would look like plain text:
that rule runs offline only. Nor does it say whether a resource is retained.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Pulumi runs this folder, not a module of the project.
ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from pulumi_policy import (  # noqa: E402
    EnforcementLevel,
    PolicyPack,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError  # noqa: E402

from infra.errors import InfraError  # noqa: E402
from infra.graph import UNKNOWN  # noqa: E402
from infra.policy.facts import Part, Promise, Whole  # noqa: E402
from infra.policy.rule import Rule, Severity, judge  # noqa: E402
from infra.policy.rules import RULES  # noqa: E402
from infra.policy.stack import promise_of  # noqa: E402
from infra.settings import load_settings  # noqa: E402
from monitor.errors import OutgrowError  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

#: Rules that need to know what Pulumi does not hand to a policy.
OFFLINE_ONLY = frozenset({"no-plain-secrets"})


def _readable(value: Any) -> Any:
    """Copy what Pulumi guards against reading: whatever a preview cannot know becomes `UNKNOWN`."""
    if isinstance(value, Mapping):
        return {key: _readable(_read(value, key)) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_readable(_read(value, place)) for place in range(len(value))]
    return value


def _read(holder: Any, key: Any) -> Any:
    try:
        return holder[key]
    except UnknownValueError:
        return UNKNOWN


def _part(one: Any) -> Part:
    """Read a resource, whether it came with the stack or alone."""
    return Part.of(
        one.resource_type,
        one.name,
        _readable(one.props),
        urn=one.urn,
        protect=one.opts.protect,
        provider=one.provider.urn if one.provider else "",
        comes_from={
            name: tuple(found.urn for found in sources)
            for name, sources in getattr(one, "property_dependencies", {}).items()
        },
    )


def _promise(urn: str) -> tuple[Promise, str]:
    """Read what the stack file promises: the URN names the stack; one without a file promises nothing."""
    fields = urn.split(":")
    try:
        settings = load_settings(fields[2]) if len(fields) > 2 else None
    except (OutgrowError, InfraError):
        settings = None
    return (promise_of(settings), settings.region) if settings else (Promise(), "")


def _one(rule: Rule, args: ResourceValidationArgs, report: Callable[[str, str | None], None]) -> None:
    promise, region = _promise(args.urn)
    for finding in judge([rule], Whole((_part(args),), promise, region)):
        report(f"{finding.name}: {finding.message}. {finding.remedy}", None)


def _all(rule: Rule, args: StackValidationArgs, report: Callable[[str, str | None], None]) -> None:
    parts = tuple(_part(one) for one in args.resources)
    promise, region = _promise(parts[0].urn) if parts else (Promise(), "")
    for finding in judge([rule], Whole(parts, promise, region)):
        report(f"{finding.name}: {finding.message}. {finding.remedy}", finding.urn or None)


def _policy(rule: Rule) -> ResourceValidationPolicy | StackValidationPolicy:
    level = EnforcementLevel.MANDATORY if rule.severity is Severity.MANDATORY else EnforcementLevel.ADVISORY
    text = f"{rule.what} {rule.why} ({rule.source})"
    if rule.alone:
        return ResourceValidationPolicy(rule.id, text, partial(_one, rule), level)
    return StackValidationPolicy(rule.id, text, partial(_all, rule), level)


if __name__ == "__main__":
    PolicyPack("outgrow", [_policy(rule) for rule in RULES if rule.id not in OFFLINE_ONLY])
