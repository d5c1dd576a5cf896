"""The Pulumi program's entry."""

from infra.program import deploy

deploy()
