"""Somebody's agent beside each task, where the stack file asks for one: Datadog's or New Relic's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.keys import arn_in, copied_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.components.keys import Key

DATADOG, NEW_RELIC = "datadog", "newrelic"
#: What each agent is called, what its key is called, and what else it is told.
_ABOUT: Final[Mapping[str, tuple[str, str, Mapping[str, str]]]] = {
    DATADOG: (
        "datadog-agent",
        "DD_API_KEY",
        {"DD_APM_ENABLED": "true", "DD_APM_NON_LOCAL_TRAFFIC": "false", "ECS_FARGATE": "true"},
    ),
    NEW_RELIC: (
        "newrelic-infra",
        "NRIA_LICENSE_KEY",
        {
            "FARGATE": "true",
            "NRIA_OVERRIDE_HOST_ROOT": "",
            "NRIA_IS_FORWARD_ONLY": "true",
            "NRIA_PASSTHROUGH_ENVIRONMENT": "ECS_CONTAINER_METADATA_URI,"
            "ECS_CONTAINER_METADATA_URI_V4,FARGATE",
        },
    ),
}
#: What the secret holds until somebody who has an account writes the key there.
NOT_SET = "not set"


class Agent(pulumi.ComponentResource):
    """A secret for the agent's key: written into Secrets Manager by hand, it never passes through here.

    Args:
        kind: "datadog" or "newrelic".
        image: of the agent.
        key: encrypts the secret.
        copies: keys of other regions, by region, where a copy is kept.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        image: str,
        key: Key,
        *,
        copies: Mapping[str, Key],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("outgrow:observability:Agent", name, None, opts)
        self._kind, self._image = kind, image
        secret = copied_secret(
            f"{name}-key",
            f"{kind}'s key, put here by whoever has the account",
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

    def container(self, region: str, logs: Mapping[str, Any]) -> dict[str, Any]:
        """Describe the agent's container; the application goes on without it."""
        name, variable, environment = _ABOUT[self._kind]
        return {
            "name": name,
            "image": self._image,
            "essential": False,
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            "secrets": [{"name": variable, "valueFrom": arn_in(region, self.arn)}],
            "logConfiguration": dict(logs),
        }
