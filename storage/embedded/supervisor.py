"""Keeps processes running: starts them in parallel, restarts what dies, leaves nothing behind.

What ends the processes when the supervisor cannot: the kernel signals the direct children at its
death (launch.py), and the guardian ends what is left of them (guardian.py). What both missed, for
instance when the machine's out-of-memory killer took all three, the next start sweeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType

from storage.embedded import logs, sweep
from storage.embedded.errors import EmbeddedError, NotReady, StartFailed
from storage.embedded.folder import DataFolder
from storage.embedded.guardian import Guardian
from storage.embedded.keeper import Keeper
from storage.embedded.process import Life, ManagedProcess
from storage.embedded.state import ProcessState, State, write_state

log = logging.getLogger(__name__)

# A log grows past its bound by what is written meanwhile: some megabytes at worst.
_UPKEEP_EVERY_S = 5.0


class Supervisor:
    """Use as an async context manager: entering takes the folder's lock and sweeps leftovers,
    leaving stops everything, in reverse order of the `start` calls.

    `binary` is the one program, run inside `DATA/postgres`, whose children lose every other trait
    (sweep.py). `on_change` is called, on the loop, at each change of any process.
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        binary: str = "",
        on_change: Callable[[ProcessState], None] | None = None,
    ) -> None:
        self.folder = folder
        self._binary = binary
        self._binary_folder = folder.path / "postgres"
        self._marker = f"{folder.id}/{uuid.uuid4().hex}/"
        self._on_change = on_change
        self._keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._groups: list[tuple[str, ...]] = []
        self._upkeep: asyncio.Task[None] | None = None
        self._guardian: Guardian | None = None
        # Rung at each change of any process, then replaced: `ready` waits on it.
        self._bell = asyncio.Event()
        self._state = State(os.getpid(), sweep.start_ticks(os.getpid()) or 0, time.time())

    # -- the folder -------------------------------------------------------------------------------

    async def __aenter__(self) -> Supervisor:
        self.folder.lock()
        try:
            await self._sweep_leftovers()
            self._guardian = Guardian(
                self._marker, self._binary, self._binary_folder, self.folder.log("guardian")
            )
        except BaseException:  # also when cancelled: the next start needs the folder
            self.folder.unlock()
            raise
        self._upkeep = asyncio.create_task(self._keep_up())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for names in reversed(self._groups):
            await self.stop(*names)
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.wait([self._upkeep])
        if self._guardian is not None:
            self._guardian.release()
        self.folder.drop_socket_folder()
        self.folder.unlock()

    async def _sweep_leftovers(self) -> None:
        """End what an earlier run left: of this folder by its id, of its sessions by its state."""
        started = set()
        with contextlib.suppress(OSError, ValueError):
            lines = (self.folder.path / "started").read_text().splitlines()
            started = {sweep.Started.parse(line) for line in lines}
        ended = await asyncio.to_thread(
            sweep.sweep, f"{self.folder.id}/", started, self._binary, str(self._binary_folder)
        )
        if ended:
            log.warning("ended %d processes that an earlier run left behind", ended)
        (self.folder.path / "started").unlink(missing_ok=True)

    def _record(self, started: sweep.Started) -> None:
        if self._guardian is not None:
            self._guardian.watch(started)
        with logs.appending(self.folder.path / "started") as file:
            file.write(f"{started.line()}\n".encode())

    async def _keep_up(self) -> None:
        """Log files stay bounded, and a guardian that was killed is replaced."""
        while True:
            for keeper in list(self._keepers.values()):
                logs.rotate(keeper.log)
            if self._guardian is not None:
                self._guardian.replaced_if_dead()
            await asyncio.sleep(_UPKEEP_EVERY_S)

    # -- what runs --------------------------------------------------------------------------------

    def announce(self, *, url: str | None = None, outside: dict[str, str] | None = None) -> None:
        """Put into the state file where the service answers, and the servers not run by us."""
        state = self._state
        self._state = State(
            state.pid,
            state.ticks,
            state.started_at,
            url if url is not None else state.url,
            outside if outside is not None else state.outside,
        )
        self._write_state()

    def _write_state(self) -> None:
        state = self._state
        processes = tuple(keeper.state for keeper in self._keepers.values())
        write_state(
            self.folder.path,
            State(state.pid, state.ticks, state.started_at, state.url, state.outside, processes),
        )

    def _changed(self, keeper: Keeper) -> None:
        self._write_state()
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()
        if self._on_change is not None:
            self._on_change(keeper.state)

    def _recovered(self, name: str) -> None:
        for keeper in self._keepers.values():
            if name in keeper.process.restart_with:
                keeper.restart()

    @property
    def states(self) -> tuple[ProcessState, ...]:
        return tuple(keeper.state for keeper in self._keepers.values())

    def pid(self, name: str) -> int:
        """The pid of a process's present life. Raises EmbeddedError when it has none."""
        pid = self._keepers[name].state.pid
        if pid is None:
            raise EmbeddedError(f"{name} is not running now")
        return pid

    async def ready(self, name: str, *, after: int | None = None) -> int:
        """Wait until a process is ready, in another life than pid `after`; answer its pid."""
        keeper = self._keepers[name]
        while True:
            bell, life = self._bell, keeper.life
            if keeper.failure is not None:
                raise keeper.failure
            alive = life is not None and life.exit_code is None and life.pid != after
            if life is not None and alive and keeper.ready.is_set():
                return life.pid
            await bell.wait()

    # -- starting and stopping -------------------------------------------------------------------

    async def start(self, *processes: ManagedProcess) -> None:
        """Start these in parallel and wait until all are ready. Raises StartFailed.

        On failure the others go on; leaving the context stops them.
        """
        self._groups.append(tuple(process.name for process in processes))
        for process in processes:
            log_file = self.folder.log(process.name)
            keeper = Keeper(process, log_file, self._life, self._changed, self._recovered)
            self._keepers[process.name] = keeper
            task = asyncio.create_task(keeper.run(), name=f"keep {process.name}")
            self._tasks[process.name] = task
        await asyncio.gather(*(self._first_ready(process.name) for process in processes))

    async def _first_ready(self, name: str) -> None:
        keeper, task = self._keepers[name], self._tasks[name]
        ready = asyncio.create_task(keeper.ready.wait())
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if keeper.failure is not None:
            raise keeper.failure
        if task.done():
            task.result()

    async def stop(self, *names: str) -> None:
        """Stop these in parallel; what does not go within its grace is killed."""
        for name in names:
            self._keepers[name].stop()
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        # One that failed in its own way must not keep the rest from being stopped.
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("a process was not kept as it should", exc_info=outcome)

    async def run(
        self,
        name: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        identity: str = "self",
    ) -> None:
        """Run a program to its end, watched as the others are. Raises StartFailed."""
        log_file = self.folder.log(name)
        offset = logs.size(log_file)

        async def never_asked() -> None:
            raise NotReady("it runs to its end")

        process = ManagedProcess(
            name=name, argv=argv, environment=environment, probe=never_asked, identity=identity
        )
        async with self._life(process, log_file) as life:
            code = await life.exited()
        if code != 0:
            raise StartFailed(name, life.ending, log_file, logs.tail(log_file, offset))

    @contextlib.asynccontextmanager
    async def _life(self, process: ManagedProcess, log_file: Path) -> AsyncIterator[Life]:
        """Launch; on leaving, end it in order or by force, and then all its descendants."""
        marker = f"{self._marker}{process.name}/"
        life = Life(process, log_file, marker)
        try:
            self._record(life.started)
            yield life
        finally:
            life.send(process.stop_signal)
            try:
                async with asyncio.timeout(process.stop_grace_s):
                    await life.exited()
            except TimeoutError:
                log.warning("%s did not stop in time: killed", process.name)
                life.send(signal.SIGKILL)
                await life.exited()
            await asyncio.to_thread(self._end_descendants, process, life, marker)
            if process.after_life is not None:
                process.after_life()

    def _end_descendants(self, process: ManagedProcess, life: Life, marker: str) -> None:
        """Kill what a process left. Blocks until it is gone."""
        binary = self._binary if process.argv[0] == self._binary else ""
        folder = str(self._binary_folder)
        sweep.sweep(marker, {life.started}, binary, folder, grace_s=0.0)
