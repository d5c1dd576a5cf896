"""Holds an evaluated graph against schemas that others wrote: the SDK's input types, the real AWS provider.

`input_types` needs nothing but the installed pulumi-aws; `terraform` writes the graph as Terraform JSON,
which `terraform validate` judges with the provider itself.
"""
