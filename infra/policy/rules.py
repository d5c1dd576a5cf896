"""All rules, in the order of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.policy import (
    database_traps,
    encryption,
    exposure,
    identity,
    keeping,
    service_traps,
    watching,
)

if TYPE_CHECKING:
    from infra.policy.rule import Rule

RULES: Final = (
    *encryption.RULES,
    *exposure.RULES,
    *keeping.RULES,
    *identity.RULES,
    *watching.RULES,
    *database_traps.RULES,
    *service_traps.RULES,
)


def listed(rule: Rule) -> dict[str, str]:
    """Describe a rule for JSON."""
    return {
        "id": rule.id,
        "severity": rule.severity.value,
        "what": rule.what,
        "why": rule.why,
        "remedy": rule.remedy,
        "source": rule.source,
    }
