"""The rules, one module for each group; `migration.lint.catalogue` has them all."""
