"""The Datadog agent beside each task, where the stack file asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.keys import arn_in, copied_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.keys import Key

IMAGE = "public.ecr.aws/datadog/agent:7"
#: What the secret holds until somebody who has a Datadog account writes the key there.
NOT_SET = "not set"


class DatadogKey(pulumi.ComponentResource):
    """A secret for Datadog's API key: written into Secrets Manager by hand, it never passes through here."""

    def __init__(
        self, name: str, key: Key, copies: Mapping[str, Key], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("outgrow:observability:DatadogKey", name, None, opts)
        secret = copied_secret(
            f"{name}-key",
            "Datadog API key, put here by whoever has the account",
            key,
            copies,
            ResourceOptions(parent=self),
        )
        # Tasks cannot start while a secret they name has no value at all.
        aws.secretsmanager.SecretVersion(
            f"{name}-value",
            secret_id=secret.id,
            secret_string=NOT_SET,
            opts=ResourceOptions(parent=self, ignore_changes=["secretString"]),
        )
        self.arn = secret.arn
        self.register_outputs({"arn": self.arn})

    def agent(self, region: str, logs: dict[str, Any]) -> dict[str, Any]:
        """Describe the agent's container; the application goes on without it."""
        return {
            "name": "datadog-agent",
            "image": IMAGE,
            "essential": False,
            "environment": [
                {"name": "DD_APM_ENABLED", "value": "true"},
                {"name": "ECS_FARGATE", "value": "true"},
            ],
            "secrets": [{"name": "DD_API_KEY", "valueFrom": arn_in(region, self.arn)}],
            "logConfiguration": logs,
        }
