"""What runs for a data folder: `DATA/state.json`, written by its supervisor, read by `status`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from storage.embedded.folder import write_private
from storage.embedded.sweep import start_ticks

# starting: launched, not yet ready. waiting: it died, and its restart is due after a pause.
ProcessStatus = Literal["starting", "ready", "waiting", "stopping", "stopped", "failed"]


class ProcessState(Struct, frozen=True):
    """One supervised process. `ready_at`: Unix time; `restarts` since the supervisor began."""

    name: str
    status: ProcessStatus
    address: str
    log: str
    pid: int | None = None
    ready_at: float | None = None
    restarts: int = 0


class State(Struct, frozen=True):
    """A supervisor and its processes. `url` is where the service answers, once it does."""

    pid: int
    ticks: int
    started_at: float
    url: str | None = None
    outside: dict[str, str] = {}
    processes: tuple[ProcessState, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether the supervisor that wrote this still lives."""
        return start_ticks(self.pid) == self.ticks


_decoder = msgspec.json.Decoder(State)


def read_state(data: Path) -> State | None:
    """The last state written in this data folder, or None where there is none."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return _decoder.decode((data / "state.json").read_bytes())
    return None


def write_state(data: Path, state: State) -> None:
    text = msgspec.json.format(msgspec.json.encode(state)).decode()
    write_private(data / "state.json", text, durable=False)
