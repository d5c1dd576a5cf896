"""Where a stack lives: one provider a region, each putting the same tags on everything it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from infra.settings import Settings

#: Budgets and cost reports find a stack's resources by this tag.
STACK_TAG = "outgrow:stack"


def provider(name: str, region: str, settings: Settings) -> aws.Provider:
    """Make the provider of a region."""
    tags = {
        STACK_TAG: pulumi.get_stack(),
        "outgrow:phase": settings.phase,
        "outgrow:environment": settings.environment,
        "outgrow:owner": settings.owner,
    }
    return aws.Provider(name, region=region, default_tags={"tags": tags})
