"""Provide the command `rnnexp`: its subcommands, how they read their arguments, and how they end."""
