"""What was answered survives the loss of power; a full disk refuses and breaks nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.spool import Spool, Spooled, SpoolFull, SpoolUnavailable, Waiting
from storage.spool.spool import SpoolLimits
from tests.unit.storage.spool.test_spool import emergency, names, opened, put


class Disk:
    """Stands between the process and the kernel: knows what was made durable, and has an end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self.broken = False
        # What the platter holds: files by their last fsync, of the names their folder's held.
        self._contents: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {}
        self._pwrite, self._fsync, self._truncate = os.pwrite, os.fsync, os.ftruncate
        monkeypatch.setattr(os, "pwrite", self.pwrite)
        monkeypatch.setattr(os, "fsync", self.fsync)

    def pwrite(self, handle: int, data: bytes, at: int) -> int:
        if self.room is None:
            return self._pwrite(handle, data, at)
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        fits = bytes(data)[: self.room]
        self.room -= len(fits)
        return self._pwrite(handle, fits, at)

    def fsync(self, handle: int) -> None:
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        self._fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_dir():
            self._names[path] = {file.name: file.stat().st_ino for file in path.iterdir()}
        else:
            self._contents[path.stat().st_ino] = path.read_bytes()

    def after_power_loss(self, folder: Path, to: Path) -> Path:
        """The folder as it is found when the power is back."""
        to.mkdir()
        for name, inode in self._names.get(folder, {}).items():
            (to / name).write_bytes(self._contents.get(inode, b""))
        return to


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with opened(tmp_path / "spool", SpoolLimits(segment_bytes=250, ballast_bytes=0)) as spool:
        yield spool


def test_what_was_answered_survives_the_loss_of_power(
    spool: Spool, disk: Disk, tmp_path: Path
) -> None:
    for n in range(6):  # several segments
        put(spool, emergency(n, f"p{n}", bytes(60)))
        found = disk.after_power_loss(spool.folder, tmp_path / f"found-{n}")
        with opened(found) as successor:
            assert names(successor) == [f"emergency-{m}" for m in range(n + 1)]


@pytest.mark.parametrize("room", [0, 1, 7, 8, 9, 20, 90])
def test_a_full_disk_refuses_and_nothing_half_written_is_left(
    spool: Spool, disk: Disk, room: int
) -> None:
    put(spool, emergency(1, "a"))
    before = {file.name: file.read_bytes() for file in spool.folder.glob("raised-*")}
    disk.room = room
    with pytest.raises(SpoolFull):
        spool.append([emergency(2, "b", bytes(100))])
    assert before == {file.name: file.read_bytes() for file in spool.folder.glob("raised-*")}
    disk.room = None
    put(spool, emergency(3, "c"))
    with opened(spool.folder) as successor:
        assert names(successor) == ["emergency-1", "emergency-3"]


@pytest.mark.parametrize("room", [0, 5, 30])
def test_a_disk_that_is_full_from_the_start_refuses_too(
    spool: Spool, disk: Disk, room: int
) -> None:
    disk.room = room
    with pytest.raises(SpoolFull):
        spool.append([emergency(1)])
    disk.room = None
    put(spool, emergency(2))
    assert names(spool) == ["emergency-2"]


def test_a_disk_that_does_not_make_it_durable_is_not_believed(spool: Spool, disk: Disk) -> None:
    put(spool, emergency(1, "a"))
    disk.broken = True
    with pytest.raises(SpoolUnavailable):
        spool.append([emergency(2, "b")])
    disk.broken = False
    with opened(spool.folder) as successor:
        assert names(successor) == ["emergency-1"]


def test_a_disk_that_takes_nothing_back_shows_nothing_that_was_refused(
    spool: Spool, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(spool, emergency(1, "a"))

    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    disk.broken = True
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", refused)
        with pytest.raises(SpoolUnavailable):
            spool.append([emergency(2, "b")])
    disk.broken = False
    with opened(spool.folder) as successor:
        assert names(successor) == ["emergency-1"]


def test_what_is_replayed_while_the_disk_is_full_leaves_it(spool: Spool, disk: Disk) -> None:
    for n in range(3):
        put(spool, emergency(n, f"p{n}"))
    disk.room = 0
    first, *others = spool.waiting()
    spool.settle(first)
    assert names(spool) == ["emergency-1", "emergency-2"]
    for one in others:
        spool.settle(one)
    assert not list(spool.folder.glob("raised-*"))


def test_what_cannot_be_buried_goes_on_waiting(spool: Spool, disk: Disk) -> None:
    (waiting,) = put(spool, emergency(1))
    disk.room = 0
    with pytest.raises(SpoolFull):
        spool.bury(waiting, "gone", 0.0)
    assert names(spool) == ["emergency-1"]


def test_room_that_was_kept_is_given_up_for_emergencies(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = SpoolLimits(ballast_bytes=3 << 20)
    truncate = os.truncate

    def freed(path: Path, size: int) -> None:
        assert disk.room is not None
        disk.room += path.stat().st_size - size
        truncate(path, size)

    monkeypatch.setattr(os, "truncate", freed)
    with opened(tmp_path / "spool", limits) as spool:
        spool.open()
        ballast = spool.folder / "ballast"
        assert ballast.stat().st_size == 3 << 20
        disk.room = 0
        taken = 0
        with pytest.raises(SpoolFull):
            for n in range(10):
                put(spool, emergency(n, f"p{n}", bytes(900_000)))
                taken += 1
        assert taken == 3
        assert ballast.stat().st_size == 0
        disk.room = None
        for one in spool.waiting():
            assert isinstance(one, Waiting)
            spool.settle(one)
        assert ballast.stat().st_size == 3 << 20  # taken back once there is room


def test_a_record_is_taken_whole_or_not_at_all(spool: Spool) -> None:
    with pytest.raises(ValueError, match="a payload is"):
        spool.append([Spooled("c", b"", "e", "p", 0.0, bytes(2 << 20))])
    assert spool.waiting() == ()
