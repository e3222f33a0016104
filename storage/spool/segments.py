"""An append-only log in numbered files of one folder, read onwards from where it was last read.

Not safe by itself: its user holds the spool's lock around everything but a read that only looks.
Under the lock nobody is in the middle of a write, so that whatever follows the last whole frame was
left by somebody who died, and is cut off.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from storage.spool.errors import of_disk
from storage.spool.frame import MAGIC, frame, read_file, read_frames
from storage.spool.record import Place

log = logging.getLogger(__name__)

# Small enough to be read whole, large enough that a file is begun rarely.
SEGMENT_BYTES: Final = 4 << 20
_SUFFIX: Final = ".log"
DAMAGED: Final = "damaged-"


class News(Struct, frozen=True):
    """Payloads that were not seen before, in order, and the segments that are gone."""

    payloads: tuple[tuple[Place, bytes], ...]
    gone: tuple[str, ...]


class Segments:
    """The files `<name>-<number>.log` in `folder`, by ascending number.

    Methods raise OSError as the disk does, `append` SpoolError.
    """

    def __init__(self, folder: Path, name: str, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._prefix = f"{name}-"
        self._segment_bytes = segment_bytes
        # Of each segment, how far it was read: the end of a whole frame, or 0.
        self._ends: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The segments as last seen, oldest first."""
        return tuple(sorted(self._ends))

    def news(self, *, cut: bool) -> News:
        """What came since the last call. `cut`: under the lock; else what is not whole is left."""
        names = self._listed()
        gone = tuple(name for name in self._ends if name not in names)
        for name in gone:
            del self._ends[name]
        found: list[tuple[Place, bytes]] = []
        for name in names:
            found += self._onwards(name, cut=cut)
        return News(tuple(found), gone)

    def _listed(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.glob(f"{self._prefix}*{_SUFFIX}"))
        except FileNotFoundError:
            return []

    def _onwards(self, name: str, *, cut: bool) -> list[tuple[Place, bytes]]:
        end = self._ends.setdefault(name, 0)
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(end)
                data = file.read()
        except FileNotFoundError:  # a look without the lock: it was removed just now
            del self._ends[name]
            return []
        frames = read_frames(data, end) if end else read_file(data)
        if cut and frames.end < end + len(data):
            self._cut(name, frames.end, data[frames.end - end :])
        self._ends[name] = frames.end
        return [(Place(name, offset), payload) for offset, payload in frames.payloads]

    def _cut(self, name: str, end: int, tail: bytes) -> None:
        """Cut off what is not whole, and keep it beside: most likely the record of a worker that
        died before it had answered; but should the disk have lied, somebody will want it."""
        kept = self._folder / f"{DAMAGED}{time.time_ns():020}"
        try:
            _write_new(kept, tail)
        except OSError as error:
            log.warning("the tail of %s could not be kept: %s", name, error.strerror)
        _truncate(self._folder / name, end)
        log.error("the spool's file %s was not whole: %d bytes cut off", name, len(tail))

    def append(self, payloads: Sequence[bytes], *, durable: bool) -> list[Place]:
        """Write these at the end; all or none. `durable`: they are on disk when this returns.

        Call after `news(cut=True)` under the same lock. Raises SpoolError: nothing of them will
        ever be read, unless the disk refuses to take even that back.
        """
        name = next(reversed(self.names), None)
        if name is None or self._ends[name] >= self._segment_bytes:
            name = self._new_name(name)
        end = self._ends.get(name, 0)
        lead = b"" if end else MAGIC
        frames = [frame(payload) for payload in payloads]
        try:
            _write_at(self._folder / name, lead + b"".join(frames), end, durable=durable)
        except OSError as error:
            raise of_disk(error) from error
        places, offset = [], end + len(lead)
        for one in frames:
            places.append(Place(name, offset))
            offset += len(one)
        self._ends[name] = offset
        return places

    def _new_name(self, last: str | None) -> str:
        """Above every number there is or was, as far as is known, whatever the clock does."""
        known = 0 if last is None else int(last.removeprefix(self._prefix).removesuffix(_SUFFIX))
        return f"{self._prefix}{max(time.time_ns(), known + 1):020}{_SUFFIX}"

    def read(self, place: Place) -> bytes | None:
        """The payload there; None where it is gone or not whole."""
        try:
            with (self._folder / place.segment).open("rb") as file:
                file.seek(place.offset)
                frames = read_frames(file.read(), place.offset)
        except FileNotFoundError:
            return None
        return frames.payloads[0][1] if frames.payloads else None

    def remove(self, name: str) -> None:
        """A segment that nobody needs any more."""
        (self._folder / name).unlink(missing_ok=True)
        self._ends.pop(name, None)


def _write_at(path: Path, data: bytes, end: int, *, durable: bool) -> None:
    """Write `data` at `end`, the file's size; where that fails the file is as it was."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            _write_all(handle, data, end)
            if durable:
                os.fsync(handle)
                if end == 0:
                    sync_folder(path.parent)
        except OSError:
            _take_back(handle, end)
            raise
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, at)
        at += written
        view = view[written:]


def _take_back(handle: int, end: int) -> None:
    try:
        os.ftruncate(handle, end)
    except OSError:
        # Zeros are no frame: what was refused must not be found later.
        log.exception("the spool cannot take back what it could not write")
        os.pwrite(handle, bytes(8), end)


def _truncate(path: Path, end: int) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(handle, end)
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_new(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _write_all(handle, data, 0)
        os.fsync(handle)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """The names in it are on disk when this returns."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
