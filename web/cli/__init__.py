"""The command `maxray`: one module per command, found through commands.py."""

from __future__ import annotations


def main() -> None:
    """The console script."""
    from web.cli.commands import maxray  # what a command needs is imported when it runs

    maxray(prog_name="maxray")
