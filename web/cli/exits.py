"""Exit statuses of `maxray`. They are an API: scripts and service units act on them."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """What the status of a finished `maxray` means."""

    OK = 0
    """Done; for `up`: stopped as asked, by Ctrl-C or SIGTERM, with nothing left behind."""

    FAILED = 1
    """A server or process did not start, or an outside one cannot be reached."""

    USAGE = 2
    """The command line was not understood."""

    SETTINGS = 3
    """A setting was refused; its name and what is accepted are on standard error."""

    IN_USE = 4
    """Another `maxray up` uses this data folder, or another program the port."""

    NOT_RUNNING = 5
    """Nothing runs for this data folder."""

    UNHEALTHY = 6
    """It runs, but not everything in it answers."""

    MIGRATION = 7
    """The database could not be brought to this version's schema."""

    AUDIT = 8
    """The audit trail was changed: what and where is on standard output."""


def described() -> str:
    """For `maxray --help`."""
    lines = {
        Exit.OK: "done",
        Exit.FAILED: "a server did not start or cannot be reached",
        Exit.USAGE: "the command line was not understood",
        Exit.SETTINGS: "a setting was refused",
        Exit.IN_USE: "the data folder or the port is in use",
        Exit.NOT_RUNNING: "nothing runs for this data folder",
        Exit.UNHEALTHY: "something that runs does not answer",
        Exit.MIGRATION: "the database could not be migrated",
        Exit.AUDIT: "the audit trail was changed",
    }
    return "  ".join(f"**{code.value}** {said}" for code, said in lines.items())
