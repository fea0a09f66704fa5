"""Provide what every command does alike: read its KEY=VALUE arguments, and end."""
