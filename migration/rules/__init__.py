"""The user's rules: a YAML file, read into frozen values that are part of the plan's options."""
