"""The spool: several workers on one folder, and whatever one of them leaves behind."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.spool import (
    Spool,
    Spooled,
    SpoolFull,
    SpoolKeyReused,
    SpoolUnavailable,
    Waiting,
    read_summary,
)
from storage.spool import spool as spool_module
from storage.spool.frame import frame
from storage.spool.lock import FileLock
from storage.spool.spool import SpoolLimits

LIMITS = SpoolLimits(per_patient=3, segment_bytes=300, ballast_bytes=0)
NOW = 1_800_000_000.0


def emergency(n: int, patient: str = "p", body: bytes = b"sealed") -> Spooled:
    return Spooled(f"command-{n}", b"print", f"emergency-{n}", patient, NOW + n, body)


@contextmanager
def opened(folder: Path, limits: SpoolLimits = LIMITS) -> Iterator[Spool]:
    spool = Spool(folder, limits)
    try:
        yield spool
    finally:
        spool.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def names(spool: Spool) -> list[str]:
    return [one.emergency_id for one in spool.waiting()]


def put(spool: Spool, *batch: Spooled) -> list[Waiting]:
    found = []
    for one in spool.append(batch):
        assert isinstance(one, Waiting), one
        found.append(one)
    return found


def test_what_one_worker_wrote_another_reads_in_order(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        put(one, emergency(1, "a"))
        put(other, emergency(2, "b"))
        put(one, emergency(3, "a"), emergency(4, "c"))
        expected = [f"emergency-{n}" for n in (1, 2, 3, 4)]
        assert names(one) == names(other) == expected
        again = other.spooled(other.waiting()[2])
        assert again == emergency(3, "a")


def test_a_command_is_kept_once_whichever_worker_it_comes_to(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        (first,) = put(one, emergency(1))
        repeat = Spooled("command-1", b"print", "another-id", "p", NOW + 9, b"sealed")
        assert put(other, repeat, repeat) == [first, first]
        assert names(one) == ["emergency-1"]
        (refused,) = other.append(
            [Spooled("command-1", b"other", "another-id", "p", NOW, b"sealed")]
        )
        assert isinstance(refused, SpoolKeyReused)


def test_a_command_stands_for_one_emergency_from_its_first_try_on(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        first = one.claim("command-1", b"print", "emergency-1", "p", NOW)
        assert (first.emergency_id, first.logged, first.behind) == ("emergency-1", False, False)
        later = other.claim("command-1", b"print", "emergency-9", "p", NOW + 5)
        assert (later.emergency_id, later.at) == ("emergency-1", NOW)
        # What was never told of the spool may yet be refused elsewhere, and be put right.
        other.claim("command-1", b"other", "emergency-9", "p", NOW + 5)


def test_a_repeat_is_told_the_same_before_and_after_the_replay(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        (waiting,) = put(one, emergency(1))
        before = other.claim("command-1", b"print", "emergency-9", "p", NOW + 50)
        one.settle(waiting)
        after = other.claim("command-1", b"print", "emergency-9", "p", NOW + 60)
        assert before.logged and after.logged
        assert before.emergency_id == after.emergency_id == "emergency-1"
        assert before.behind and not after.behind
        with pytest.raises(SpoolKeyReused):
            other.claim("command-1", b"other", "emergency-9", "p", NOW + 60)
        long_after = NOW + LIMITS.key_retention_s + 10
        new = other.claim("command-1", b"other", "emergency-9", "p", long_after)
        assert (new.emergency_id, new.logged) == ("emergency-9", False)


def test_who_comes_behind_an_earlier_emergency_of_the_patient_is_told(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        put(one, emergency(1, "a"))
        assert other.claim("command-2", b"print", "emergency-2", "a", NOW).behind
        assert not other.claim("command-3", b"print", "emergency-3", "b", NOW).behind


def test_settled_emergencies_leave_the_disk_and_all_views(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        for n in range(12):  # several segments
            put(one, emergency(n, f"p{n}", os.urandom(60)))
        segments = len(list(folder.glob("raised-*")))
        assert segments > 2
        waiting = other.waiting()
        other.settle(waiting[5])
        assert len(list(folder.glob("raised-*"))) >= segments  # the oldest is needed still
        for each in (*waiting[:5], *waiting[6:]):
            other.settle(each)
        assert not list(folder.glob("raised-*"))
        assert one.waiting() == ()
        assert one.spooled(waiting[0]) is None
        put(one, emergency(100))
        assert names(other) == ["emergency-100"]


def test_a_new_worker_finds_what_waits_and_not_what_is_settled(folder: Path) -> None:
    with opened(folder) as one:
        first, _second = put(one, emergency(1), emergency(2))
        one.settle(first)
    with opened(folder) as successor:
        assert names(successor) == ["emergency-2"]


def test_a_dead_letter_is_shown_and_waits_no_more(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        (waiting,) = put(one, emergency(1, "gone"))
        one.bury(waiting, "gone", NOW + 99)
        one.bury(waiting, "gone", NOW + 99)
        assert one.waiting() == other.waiting() == ()
        (letter,) = other.summary().dead
        assert (letter.emergency_id, letter.patient_id) == ("emergency-1", "gone")
        assert (letter.reason, letter.received_at, letter.buried_at) == ("gone", NOW + 1, NOW + 99)


def test_a_patient_has_a_bounded_number_of_emergencies_waiting(folder: Path) -> None:
    with opened(folder) as spool:
        put(spool, emergency(1), emergency(2))
        third, fourth, other = spool.append([emergency(3), emergency(4), emergency(5, "other")])
        assert isinstance(third, Waiting)
        assert isinstance(fourth, SpoolFull)
        assert isinstance(other, Waiting)


def test_the_summary_needs_no_lock_and_changes_nothing(folder: Path) -> None:
    assert read_summary(folder).depth == 0
    assert not folder.exists()
    with opened(folder) as spool:
        put(spool, emergency(7), emergency(8))
        (segment,) = folder.glob("raised-*")
        with segment.open("ab") as file:
            file.write(b"somebody is writing")
        before = segment.read_bytes()
        summary = read_summary(folder)
        assert (summary.depth, summary.oldest_at, summary.damaged) == (2, NOW + 7, 0)
        assert segment.read_bytes() == before


def test_only_the_owner_may_read_the_files(folder: Path) -> None:
    with opened(folder, SpoolLimits(ballast_bytes=1000)) as spool:
        spool.open()
        (waiting, _) = put(spool, emergency(1), emergency(2))
        spool.bury(waiting, "gone", NOW)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert len(modes) >= 4
    assert set(modes.values()) == {0o600}, modes


def test_a_torn_tail_is_cut_told_and_kept(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(folder) as one:
        put(one, emergency(1))
        (segment,) = folder.glob("raised-*")
        whole = segment.stat().st_size
        with segment.open("ab") as file:
            file.write(b"\0\0\0\x40half a rec")
        with opened(folder) as successor:
            summary = successor.open()
            assert (summary.depth, summary.damaged) == (1, 1)
            assert "14 bytes cut off" in caplog.text
            assert segment.stat().st_size == whole
            (kept,) = folder.glob("damaged-*")
            assert kept.read_bytes() == b"\0\0\0\x40half a rec"
            put(successor, emergency(2))
        assert names(one) == ["emergency-1", "emergency-2"]


def test_who_holds_the_lock_for_long_keeps_nobody_waiting_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "LOCK_WAIT_S", 0.01)
    with opened(folder) as spool:
        put(spool, emergency(1))
        stopped = FileLock(folder / "lock")
        assert stopped.take()
        with pytest.raises(SpoolUnavailable):
            spool.append([emergency(2)])
        stopped.close()
        assert names(spool) == ["emergency-1"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with opened(tmp_path / "file" / "spool") as spool, pytest.raises(SpoolUnavailable):
        spool.append([emergency(1)])


def test_what_a_later_version_wrote_is_kept_and_told(folder: Path) -> None:
    with opened(folder) as one:
        (waiting,) = put(one, emergency(1))
        (segment,) = folder.glob("raised-*")
        with segment.open("ab") as file:
            file.write(frame(msgspec.msgpack.encode(["raised-v2", 1])))
        one.settle(waiting)
        assert (one.summary().depth, one.summary().unreadable) == (0, 1)
        assert segment.exists()


def test_a_record_that_comes_back_after_its_removal_counts_once(folder: Path) -> None:
    """The machine went down before the disk knew that the segment was removed."""
    with opened(folder) as one:
        put(one, emergency(1))
        (segment,) = folder.glob("raised-*")
        raw = segment.read_bytes()
    (folder / "raised-00000000000000000001.log").write_bytes(raw)
    with opened(folder) as successor:
        (waiting,) = successor.waiting()
        successor.settle(waiting)
        assert successor.waiting() == ()
        assert not list(folder.glob("raised-*"))


def test_the_keys_of_old_commands_make_room_for_new_ones(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as other:
        for n in range(40):
            one.claim(f"command-{n}", b"print", f"emergency-{n}", "p", NOW)
        assert len(list(folder.glob("keys-*"))) == 2
        newest = other.claim("command-39", b"print", "another", "p", NOW)
        oldest = other.claim("command-0", b"print", "another", "p", NOW)
        assert (newest.emergency_id, oldest.emergency_id) == ("emergency-39", "another")


@settings(max_examples=60)
@given(st.integers(1, 6), st.data())
def test_a_spool_whose_file_was_damaged_anywhere_goes_on_with_the_records_before(
    count: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "spool"
        limits = SpoolLimits(ballast_bytes=0)
        with opened(folder, limits) as spool:
            put(spool, *(emergency(n, f"p{n}", bytes([n]) * 30) for n in range(count)))
        (segment,) = folder.glob("raised-*")
        raw = bytearray(segment.read_bytes())
        if data.draw(st.booleans(), "cut"):
            del raw[data.draw(st.integers(0, len(raw)), "where") :]
        else:
            bit = data.draw(st.integers(0, len(raw) * 8 - 1), "which bit")
            raw[bit // 8] ^= 1 << bit % 8
        segment.write_bytes(raw)
        with opened(folder, limits) as successor:
            found = [successor.spooled(one) for one in successor.waiting()]
            expected = [emergency(n, f"p{n}", bytes([n]) * 30) for n in range(count)]
            assert found == expected[: len(found)]
            put(successor, emergency(99))
        with opened(folder, limits) as third:
            assert names(third) == [
                *(one.emergency_id for one in expected[: len(found)]),
                "emergency-99",
            ]
