"""Keeps one process running, from its first start to its stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from msgspec import Struct

from storage.embedded import logs
from storage.embedded.errors import StartFailed
from storage.embedded.process import Life, ManagedProcess
from storage.embedded.state import ProcessState, ProcessStatus

log = logging.getLogger(__name__)

# While it comes up: short beside the quarter of a second that the quickest of them needs.
_PROBE_PAUSE_S = 0.03
# A little over what a probe allows itself (probe.py), for those that have no limit of their own.
_PROBE_TIMEOUT_S = 3.0
# A process that ends before it was ever ready is misconfigured more often than unlucky.
_FIRST_STARTS = 3
# Between restarts, doubled each time: what crashes at once must not keep a core busy by itself.
_PAUSE_FIRST_S, _PAUSE_MOST_S = 0.1, 5.0
# In service this long, a process has recovered: its next crash is restarted without a pause.
_SOUND_AFTER_S = 10.0
# A watched process that refuses is useless at once; one that is silent may be starved of CPU.
# Two probes a second of each: a restart comes that much later, and they cost a local round trip.
_WATCH_EVERY_S = 0.5
_REFUSING_FOR_S, _SILENT_FOR_S = 1.5, 30.0


class _Unready(Struct, frozen=True):
    """Why a life did not come into service; `hopeless`: another would fare no better."""

    reason: str
    hopeless: bool = False


class Keeper:
    """One supervised process: its specification, its present life, and what is wanted of it.

    `launch` makes a life and ends it, with its descendants, on leaving. `changed` is called at
    each change of the status, `recovered` when the process is ready again after a crash.
    """

    def __init__(
        self,
        process: ManagedProcess,
        log_file: Path,
        launch: Callable[[ManagedProcess, Path], AbstractAsyncContextManager[Life]],
        changed: Callable[[Keeper], None],
        recovered: Callable[[str], None],
    ) -> None:
        self.process = process
        self.log = log_file
        self.life: Life | None = None
        self.ready = asyncio.Event()
        self.failure: StartFailed | None = None
        self._launch = launch
        self._changed = changed
        self._recovered = recovered
        self._status: ProcessStatus = "starting"
        self._ready_at: float | None = None
        self._restarts = 0
        self._failures = 0
        self._was_ready = False
        self._stopping = asyncio.Event()
        self._restart = asyncio.Event()

    @property
    def state(self) -> ProcessState:
        running = self.life is not None and self.life.exit_code is None
        return ProcessState(
            name=self.process.name,
            status=self._status,
            address=self.process.address,
            log=str(self.log),
            pid=self.life.pid if self.life is not None and running else None,
            ready_at=self._ready_at,
            restarts=self._restarts,
        )

    def stop(self) -> None:
        """End it in order and for good; `run` returns then."""
        self._stopping.set()

    def restart(self) -> None:
        """End the present life in order and begin another at once."""
        self._restart.set()

    def _become(self, status: ProcessStatus) -> None:
        self._status = status
        if status == "ready":
            self._ready_at = time.time()
            self.ready.set()
        else:
            self.ready.clear()
        self._changed(self)

    async def run(self) -> None:
        """Until it is stopped, or its first starts have failed (`failure`)."""
        while not self._stopping.is_set():
            self._restart.clear()
            offset = logs.size(self.log)
            unready = await self._live()
            if self._stopping.is_set():
                break
            if not self._restart.is_set():
                self._failures += 1
                if unready is not None and self._gives_up(unready, offset):
                    return
                await self._pause()
            self._restarts += 1
        self._become("stopped")

    def _gives_up(self, unready: _Unready, offset: int) -> bool:
        """Only before it was ever ready: from then on, it is started again for ever."""
        if self._was_ready or not (unready.hopeless or self._failures >= _FIRST_STARTS):
            return False
        said = logs.tail(self.log, offset)
        self.failure = StartFailed(self.process.name, unready.reason, self.log, said)
        self._become("failed")
        return True

    async def _pause(self) -> None:
        self._become("waiting")
        pause_s = min(_PAUSE_FIRST_S * 2 ** (self._failures - 1), _PAUSE_MOST_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await _first_of(self._stopping.wait(), self._restart.wait())

    async def _live(self) -> _Unready | None:
        """One life, from launch to end; what kept it from service, if something did."""
        async with self._launch(self.process, self.log) as life:
            self.life = life
            self._become("starting")
            unready = await self._until_ready(life)
            if unready is None:
                await self._serve(life)
            if life.exit_code is None:
                self._become("stopping")
        if not self._stopping.is_set() and not self._restart.is_set():
            why = unready.reason if unready is not None else life.ending
            log.warning("%s %s; starting it again", self.process.name, why)
        return unready

    async def _serve(self, life: Life) -> None:
        """From readiness to the reason to end, or the end."""
        began = time.monotonic()
        self._become("ready")
        if self._was_ready:
            self._recovered(self.process.name)
        self._was_ready = True
        await _first_of(
            life.exited(), self._stopping.wait(), self._restart.wait(), self._until_useless()
        )
        if not self._stopping.is_set() and not self._restart.is_set():
            # Already ended, or useless: there is nothing to end in order.
            life.send(signal.SIGKILL)
            await life.exited()
        if time.monotonic() - began > _SOUND_AFTER_S:
            self._failures = 0

    async def _until_ready(self, life: Life) -> _Unready | None:
        """None once it is in service; else why it is not, as the end of a sentence."""
        deadline = time.monotonic() + self.process.start_timeout_s
        while life.exit_code is None and not self._stopping.is_set():
            told = await self._probed(self.process.once_ready)
            if told is None and life.exit_code is None:
                return None
            if time.monotonic() > deadline:
                limit = f"{self.process.start_timeout_s:g} s"
                return _Unready(f"was not ready in time ({limit}): {told}", hopeless=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_PAUSE_S):
                    await _first_of(life.exited(), self._stopping.wait())
        return _Unready(life.ending)

    async def _probed(
        self, then: Callable[[], Coroutine[None, None, None]] | None = None
    ) -> str | None:
        """None when the probe (and `then`) succeeded; else what it met."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                await self.process.probe()
                if then is not None:
                    await then()
        except TimeoutError:
            return "no answer"
        except Exception as error:  # whatever a probe meets means "not in service"
            return str(error) or type(error).__name__
        return None

    async def _until_useless(self) -> None:
        """Return when a watched process has stopped to answer though it runs; else never."""
        if not self.process.watched:
            await asyncio.Event().wait()
        failing_since: float | None = None
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            told = await self._probed()
            if told is None:
                failing_since = None
                continue
            now = time.monotonic()
            failing_since = now if failing_since is None else failing_since
            patience_s = _SILENT_FOR_S if told == "no answer" else _REFUSING_FOR_S
            if now - failing_since >= patience_s:
                log.warning("%s runs but is of no use: %s", self.process.name, told)
                return


async def _first_of(*waits: Coroutine[None, None, object]) -> None:
    """Return when one of these is done; the others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
