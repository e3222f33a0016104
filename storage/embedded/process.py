"""One process to keep running: what it is (`ManagedProcess`) and one run of it (`Life`)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storage.embedded import logs
from storage.embedded.identity import launch_command
from storage.embedded.sweep import MARKER, Started, send, start_ticks

# Returns when the process is in service; raises NotReady or OSError when it is not (yet).
Probe = Callable[[], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedProcess:
    """What to run, how to know it is ready, and how to end it.

    `stop_signal` ends it in order; `death_signal` is what the kernel sends it when the supervisor
    dies. `stop_grace_s` later, whatever is left of it is killed. `once_ready` runs after each
    start's first successful probe and before the process counts as ready, `after_life` when a life
    and all its descendants have ended. `restart_with`: when one of these comes back from a crash,
    this one is restarted too. `watched`: its probe is repeated while it runs, and it is restarted
    when that fails; for a process that can live on without being of use.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    probe: Probe
    address: str = ""
    working_directory: Path | None = None
    identity: str = "self"
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGTERM
    stop_grace_s: float = 10.0
    start_timeout_s: float = 60.0
    pass_fds: tuple[int, ...] = ()
    once_ready: Probe | None = None
    after_life: Callable[[], None] | None = None
    restart_with: frozenset[str] = field(default_factory=frozenset)
    watched: bool = False


class Life:
    """One run of a process, as the leader of a session of its own.

    Must be made on the event loop's thread, which must live as long as the process: the kernel
    takes that thread's end for the parent's.
    """

    def __init__(self, process: ManagedProcess, log: Path, marker: str) -> None:
        with logs.appending(log) as sink:
            self._popen = subprocess.Popen(  # noqa: S603 - argv is composed by us, without a shell
                (*launch_command(process.identity, process.death_signal), *process.argv),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**process.environment, MARKER: marker},
                cwd=process.working_directory,
                pass_fds=process.pass_fds,
                start_new_session=True,
                umask=0o077,
            )
        self._loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._handle = os.pidfd_open(self._popen.pid)
        self._loop.add_reader(self._handle, self._reap)
        # Still there even if it has ended: it is not reaped before `_reap`.
        self.started = Started(self._popen.pid, start_ticks(self._popen.pid) or 0)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def _reap(self) -> None:
        code = self._popen.poll()
        if code is None:
            return
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        if not self._exited.done():
            self._exited.set_result(code)

    def send(self, number: int) -> None:
        """Signal the process itself; nothing happens when it has ended."""
        if not self._exited.done():
            send(self.started, number)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._exited.result() if self._exited.done() else None

    @property
    def ending(self) -> str:
        """How it ended, as the end of a sentence."""
        code = self.exit_code
        if code is None:
            return "was told to stop"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit status {code}"

    async def exited(self) -> int:
        """Wait for its end, and answer the exit code. May be cancelled and awaited again."""
        return await asyncio.shield(self._exited)
