"""The ASGI call in which a connection lives: it ends with it, and the connection with the call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from realtime.session.connection import Connection


class CallTransport:
    """Lives as long as the ASGI call that made it, in whose task it must be made."""

    __slots__ = ("_task", "aborted")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.aborted = False

    def abort(self) -> None:
        """Drop the peer, now. ASGI knows no abort: the call is ended, and the server closes."""
        if not self.aborted and self._task is not None:
            self.aborted = True
            self._end(self._task)

    def _end(self, call: asyncio.Task[object]) -> None:
        call.cancel()

    def done(self) -> None:
        """The call is ending by itself; its task is not ours to cancel any more."""
        self._task = None


@contextmanager
def lasting(transport: CallTransport, connection: Connection) -> Iterator[None]:
    """For as long as the peer is there. The call's own end by `abort` is no error."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        # Ours, and only ours: then it is an end like any other.
        if not transport.aborted or task is None or task.uncancel():
            raise
    finally:
        transport.done()
        connection.gone()
