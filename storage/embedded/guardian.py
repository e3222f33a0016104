"""The supervisor's side of its guardian: a small process that outlives it by one sweep."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from storage.embedded import logs, sweep
from storage.embedded.sweep import MARKER, Started


class Guardian:
    """Ends what a killed supervisor left. Told of each process; told `done` at a clean stop.

    It learns of our end by the pipe's: the write end is ours alone (no child inherits it).
    """

    def __init__(self, marker: str, binary: str, folder: Path, log: Path) -> None:
        self._command = (
            sys.executable, "-I", "-S", str(Path(sweep.__file__)),
            "--marker", marker, "--binary", binary, "--folder", str(folder),
        )  # fmt: skip
        # It carries the marker of what it guards, so that the next supervisor of the folder finds
        # a guardian still at work, and ends it.
        self._environment = {MARKER: f"{marker}guardian/"}
        self._log = log
        self._known: list[Started] = []
        self._popen = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        with logs.appending(self._log) as sink:
            return subprocess.Popen(  # noqa: S603 - our own file
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=sink,
                env=self._environment,
                cwd="/",
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def watch(self, started: Started) -> None:
        """Tell it of a new process."""
        self._known.append(started)
        if self.replaced_if_dead():
            return
        with contextlib.suppress(BrokenPipeError):
            self._write(started.line())

    def replaced_if_dead(self) -> bool:
        """Start another where it has died, told of every process; answers whether it had."""
        if self._popen.poll() is None:
            return False
        self._close()
        self._popen = self._launch()
        if self._known:
            self._write("\n".join(known.line() for known in self._known))
        return True

    def release(self) -> None:
        """The stop was clean: it ends without a sweep. Waits for it."""
        with contextlib.suppress(BrokenPipeError):
            self._write(sweep.DONE)
        self._close()

    def _write(self, line: str) -> None:
        assert self._popen.stdin is not None
        os.write(self._popen.stdin.fileno(), f"{line}\n".encode())

    def _close(self) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self._popen.wait()
