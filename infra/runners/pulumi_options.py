"""Where Pulumi keeps a stack's state and what seals its secrets, as far as the command line says so.

What is not given is the CLI's own business: the backend of `pulumi login` or PULUMI_BACKEND_URL, and the
provider that the stack file names already.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from infra.errors import InfraError
from infra.runners.pulumi_errors import secrets_locked
from infra.stack_file import stack_path
from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Backends in a folder, a bucket or a database of one's own; there secrets need a provider.
OWN_BACKENDS: Final = ("file://", "s3://", "gs://", "azblob://", "postgres://")
CLOUD_BACKENDS: Final = ("https://", "http://")
PROVIDERS: Final = ("awskms://", "gcpkms://", "azurekeyvault://", "hashivault://")
PASSPHRASE: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


class BadPulumiOption(InfraError, UsageError):
    """A backend or secrets provider that Pulumi does not know."""


@dataclass(frozen=True)
class PulumiOptions:
    """How the CLI is used.

    Args:
        backend: URL of the state, such as "file:///srv/state" or "s3://bucket?region=us-east-1"; None leaves
        it to the CLI.
        secrets_provider: "passphrase", or a key's URL such as "awskms://alias/outgrow"; matters when a stack
        is first made.
        cancel_lock: the one lock, as "user@host:pid", that may be released if it is in the way.

    Raises:
        BadPulumiOption: there is no such kind of backend or provider.
    """

    backend: str | None = None
    secrets_provider: str | None = None
    cancel_lock: str | None = None

    def __post_init__(self) -> None:
        if self.backend and not self.backend.startswith((*OWN_BACKENDS, *CLOUD_BACKENDS)):
            raise BadPulumiOption(
                f"{self.backend} is no backend",
                next_step=f"give a URL that begins with one of: {', '.join(OWN_BACKENDS)}, https://",
            )
        provider = self.secrets_provider
        if provider not in {None, "default", "passphrase"} and not str(provider).startswith(PROVIDERS):
            raise BadPulumiOption(
                f"{provider} is no secrets provider",
                next_step=f"give passphrase, or a key's URL: {', '.join(PROVIDERS)}",
            )

    def environment(self) -> dict[str, str]:
        """Environment variables for the CLI."""
        given = {"PULUMI_BACKEND_URL": self.backend} if self.backend else {}
        return {"PULUMI_SKIP_UPDATE_CHECK": "true", **given}

    def require_passphrase(self, phase: str, stacks: Path, env: Mapping[str, str] | None = None) -> None:
        """Refuse, before the CLI is asked, where it would need a passphrase and there is none.

        Raises:
            infra.runners.pulumi_errors.SecretsLocked: says which variables to set.
        """
        env = os.environ if env is None else env
        sealed = self._sealed_by_passphrase(stack_path(phase, stacks), env)
        if sealed and not any(name in env for name in PASSPHRASE):
            raise secrets_locked(phase, f"{sealed}, and neither {' nor '.join(PASSPHRASE)} is set")

    def _sealed_by_passphrase(self, stack_file: Path, env: Mapping[str, str]) -> str:
        """Say why a passphrase is needed; "" where it is not, or where only the CLI can know."""
        document = yaml.safe_load(stack_file.read_text(encoding="utf-8"))
        provider = document.get("secretsprovider") or self.secrets_provider
        if provider and provider != "passphrase":
            return ""
        if "encryptionsalt" in document:
            return f"{stack_file.name} says that a passphrase seals them"
        if provider == "passphrase":
            return "a passphrase shall seal them"
        backend = self.backend or env.get("PULUMI_BACKEND_URL", "")
        if backend.startswith(OWN_BACKENDS):
            return (
                f"with the backend {backend.partition('?')[0]} a passphrase seals them unless told otherwise"
            )
        return ""
