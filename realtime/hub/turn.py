"""The end of a turn of the event loop: what was published and queued in it leaves then.

One callback of the loop for a whole node, whatever the number of channels and sockets: first the
channels give their runs of publications to their subscribers, then each outbox that was given
something writes, once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from realtime.metrics import Metrics

log = logging.getLogger(__name__)

_SLICE = 500
"""Outboxes that write before others of the loop get their turn: some milliseconds of system calls,
so that one great channel does not hold up everybody's commands and pongs."""


class Writer(Protocol):
    def flush(self) -> None:
        """Write what waits, as far as it can be written."""
        ...


class Turn:
    """Lives on one event loop; everything is called from there."""

    __slots__ = ("_began", "_latency", "_runs", "_scheduled", "_writers")

    def __init__(self, metrics: Metrics) -> None:
        self._latency = metrics.publish_to_write_s
        self._began = 0.0
        self._runs: list[Callable[[], None]] = []
        self._writers: list[Writer] = []
        self._scheduled = False

    def give_out(self, run: Callable[[], None]) -> None:
        """Call `run` at the end of this turn, before the writers."""
        if not self._runs:
            self._began = time.perf_counter()
        self._runs.append(run)
        if not self._scheduled:
            self._schedule()

    def write(self, writer: Writer) -> None:
        """Flush `writer` at the end of this turn; it asks once."""
        self._writers.append(writer)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        runs, self._runs = self._runs, []
        for run in runs:
            try:
                run()
            except Exception:  # one channel's fault must not keep the others' from going out
                log.exception("publications could not be given out")
        writers, self._writers = self._writers[:_SLICE], self._writers[_SLICE:]
        for writer in writers:
            try:
                writer.flush()
            except Exception:  # one socket's fault must not keep the others from writing
                log.exception("a socket could not be written to")
        if runs:
            # Not here: uvloop writes what it is given when the callbacks of the turn have run.
            began, count = self._began, len(runs)
            asyncio.get_running_loop().call_soon(self._observe, began, count)
        self._scheduled = False
        if self._writers or self._runs:
            self._schedule()

    def _observe(self, began: float, count: int) -> None:
        if self._writers:  # a great channel goes on over some turns
            asyncio.get_running_loop().call_soon(self._observe, began, count)
        else:
            self._latency.observe(time.perf_counter() - began, count)
