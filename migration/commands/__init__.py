"""The `outgrow migrate` commands: each parses, calls one function, prints."""
