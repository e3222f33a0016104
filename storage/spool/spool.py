"""The spool as its users see it: what waits, in order, and what is known of each command.

Every call reads what other workers have written since, under one lock, and blocks while the disk
does; callers in an event loop use a thread, and one at a time (web/spool/store.py). Nothing is
remembered that is not in the files, but for one thing: what was settled while the disk was full.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from storage.spool.ballast import BALLAST_BYTES, Ballast
from storage.spool.errors import SpoolError, SpoolFull, SpoolKeyReused, of_disk
from storage.spool.lock import FileLock
from storage.spool.record import (
    Buried,
    DeadLetter,
    Key,
    Place,
    Settled,
    Spooled,
    Standing,
    Summary,
    Waiting,
    decode_dead,
    decode_key,
    decode_raised,
    encode,
)
from storage.spool.segments import DAMAGED, SEGMENT_BYTES, Segments, sync_folder

log = logging.getLogger(__name__)

# Writers hold the lock for one fsync; one that holds it longer has been stopped.
LOCK_WAIT_S: Final = 2.0


class SpoolLimits(Struct, frozen=True):
    """`per_patient`: emergencies of one patient that may wait. `key_retention_s`: as long as the
    records keep theirs (web.app.KEY_RETENTION)."""

    per_patient: int = 50
    key_retention_s: float = 48 * 3600.0
    segment_bytes: int = SEGMENT_BYTES
    ballast_bytes: int = BALLAST_BYTES


class _View:
    """What the files say, as far as they were read."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self._raised = Segments(folder, "raised", segment_bytes)
        self._keys = Segments(folder, "keys", segment_bytes)
        self._dead = Segments(folder, "dead", segment_bytes)
        self.waiting: dict[str, Waiting] = {}
        self.per_patient: Counter[str] = Counter()
        self.keys: dict[str, tuple[str, Key]] = {}
        self.dead: dict[str, Buried] = {}
        # Of each segment, the records that keep it: those that wait, those nobody understands.
        self._held: Counter[str] = Counter()
        self.unreadable = 0

    def catch_up(self, *, cut: bool) -> None:
        news = self._raised.news(cut=cut)
        for segment in news.gone:
            self._drop(segment)
        for place, payload in news.payloads:
            self._take(place, payload)
        keys = self._keys.news(cut=cut)
        if keys.gone:
            self.keys = {id_: held for id_, held in self.keys.items() if held[0] not in keys.gone}
        for place, payload in keys.payloads:
            if (key := decode_key(payload)) is not None:
                self.keys[key.command_id] = (place.segment, key)
        for _, payload in self._dead.news(cut=cut).payloads:
            if (letter := decode_dead(payload)) is not None:
                self.dead[letter.spooled.command_id] = _buried(letter)

    def _take(self, place: Place, payload: bytes) -> None:
        match decode_raised(payload):
            case Spooled() as spooled:
                self.add(spooled, place)
            case Settled(command_id=command_id):
                self.settle(command_id)
            case None:
                self.unreadable += 1
                self._held[place.segment] += 1

    def _drop(self, segment: str) -> None:
        """Another worker removed it: everything in it is settled."""
        for one in [w for w in self.waiting.values() if w.place.segment == segment]:
            self.settle(one.command_id)
        self._held.pop(segment, None)

    def add(self, spooled: Spooled, place: Place) -> None:
        """A second one under the same command id is the first one come back: it was removed, and
        the machine went down before the disk knew."""
        waiting = Waiting(
            spooled.command_id,
            spooled.fingerprint,
            spooled.emergency_id,
            spooled.patient_id,
            spooled.at,
            place,
        )
        if self.waiting.setdefault(spooled.command_id, waiting) is not waiting:
            return
        self.per_patient[spooled.patient_id] += 1
        self._held[place.segment] += 1

    def settle(self, command_id: str) -> None:
        known = self.waiting.pop(command_id, None)
        if known is not None:
            self._held[known.place.segment] -= 1
            self.per_patient[known.patient_id] -= 1
            if not self.per_patient[known.patient_id]:
                del self.per_patient[known.patient_id]

    def write(self, records: Sequence[Spooled | Settled], *, durable: bool) -> list[Place]:
        return self._raised.append([encode(record) for record in records], durable=durable)

    def write_keys(self, keys: Sequence[Key]) -> None:
        """Two segments of them are kept: that bounds both the disk and the memory."""
        places = self._keys.append([encode(key) for key in keys], durable=False)
        for place, key in zip(places, keys, strict=True):
            self.keys[key.command_id] = (place.segment, key)
        for old in self._keys.names[:-2]:
            self._keys.remove(old)
            self.keys = {id_: held for id_, held in self.keys.items() if held[0] != old}

    def write_dead(self, letter: DeadLetter) -> None:
        self._dead.append([encode(letter)], durable=True)
        self.dead[letter.spooled.command_id] = _buried(letter)

    def spooled(self, waiting: Waiting) -> Spooled | None:
        payload = self._raised.read(waiting.place)
        record = None if payload is None else decode_raised(payload)
        return record if isinstance(record, Spooled) else None

    def remove_settled(self) -> None:
        """The oldest segments, for as long as nothing in them is needed; what is settled in an
        older one is said in a newer one, so never one from the middle."""
        for name in self._raised.names:
            if self._held[name]:
                return
            self._raised.remove(name)
            self._held.pop(name, None)


def _buried(letter: DeadLetter) -> Buried:
    spooled = letter.spooled
    return Buried(spooled.emergency_id, spooled.patient_id, letter.reason, spooled.at, letter.at)


class Spool:
    """In `folder`, made on first use. All methods raise SpoolError."""

    def __init__(self, folder: Path, limits: SpoolLimits | None = None) -> None:
        self.folder = folder
        self._limits = limits or SpoolLimits()
        self._lock = FileLock(folder / "lock")
        self._view = _View(folder, self._limits.segment_bytes)
        self._ballast = Ballast(folder / "ballast", self._limits.ballast_bytes)

    @contextmanager
    def _current(self) -> Iterator[_View]:
        """The view as of now; nobody else reads or writes meanwhile."""
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_folder(self.folder.parent)
            with self._lock.held(LOCK_WAIT_S):
                self._view.catch_up(cut=True)
                yield self._view
        except OSError as error:
            raise of_disk(error) from error

    def claim(
        self, command_id: str, fingerprint: bytes, emergency_id: str, patient_id: str, at: float
    ) -> Standing:
        """How this command stands; should it be new, it stands for `emergency_id` from now on.

        Raises SpoolKeyReused where its caller was told of the spool, for another request.
        """
        with self._current() as view:
            behind = view.per_patient[patient_id] > 0
            known = self._known(view, command_id, at)
            if known is not None and known.logged:
                _same(known.fingerprint, fingerprint)
                return Standing(known.emergency_id, known.at, True, behind)
            if known is None:
                known = Key(command_id, fingerprint, emergency_id, at, False)
                # A full disk is no reason to refuse what may yet go straight through.
                with suppress(SpoolError):
                    view.write_keys([known])
            return Standing(known.emergency_id, known.at, False, behind)

    def _known(self, view: _View, command_id: str, now: float) -> Key | None:
        waiting = view.waiting.get(command_id)
        if waiting is not None:
            return _key(waiting)
        _, key = view.keys.get(command_id, ("", None))
        if key is not None and now - key.at < self._limits.key_retention_s:
            return key
        return None

    def append(self, batch: Sequence[Spooled]) -> list[Waiting | SpoolError]:
        """For each either what waits under its command now, durably, or why it does not."""
        with self._current() as view:
            fresh: dict[str, Spooled] = {}
            refused: dict[str, SpoolError] = {}
            more: Counter[str] = Counter()
            for one in batch:
                if one.command_id in view.waiting or one.command_id in fresh:
                    continue
                wait = view.per_patient[one.patient_id] + more[one.patient_id]
                if wait >= self._limits.per_patient:
                    refused[one.command_id] = SpoolFull("too many wait for this patient")
                    continue
                more[one.patient_id] += 1
                fresh[one.command_id] = one
            if fresh:
                places = self._write(view, list(fresh.values()))
                for one, place in zip(fresh.values(), places, strict=True):
                    view.add(one, place)
            return [refused.get(one.command_id) or _found(view, one) for one in batch]

    def _write(self, view: _View, records: Sequence[Spooled]) -> list[Place]:
        while True:
            try:
                return view.write(records, durable=True)
            except SpoolFull as error:
                cause = error.__cause__
                limited = isinstance(cause, OSError) and cause.errno == errno.EFBIG
                if limited or not self._ballast.give_up():
                    raise

    def waiting(self) -> tuple[Waiting, ...]:
        """What is to be replayed, in the order in which it came in."""
        with self._current() as view:
            return tuple(view.waiting.values())

    def find(self, emergency_id: str) -> Waiting | None:
        """The emergency, where it waits."""
        with self._current() as view:
            found = (w for w in view.waiting.values() if w.emergency_id == emergency_id)
            return next(found, None)

    def spooled(self, waiting: Waiting) -> Spooled | None:
        """The whole of it; None where it was settled meanwhile."""
        with self._current() as view:
            return view.spooled(waiting)

    def settle(self, waiting: Waiting) -> None:
        """It is in the journal. Segments in which nothing waits any more are removed.

        Where the disk is full only this process knows; should it die, a repeat is harmless.
        """
        with self._current() as view:
            try:
                view.write_keys([_key(waiting)])
                view.write([Settled(waiting.command_id)], durable=False)
            except SpoolError as error:
                log.warning("a replayed emergency could not be noted as such: %s", error)
            view.settle(waiting.command_id)
            view.remove_settled()
            if not view.waiting:
                self._ballast.refill()

    def bury(self, waiting: Waiting, reason: str, now: float) -> None:
        """It can never be raised: among the dead letters, durably, and then settled."""
        with self._current() as view:
            spooled = view.spooled(waiting)
            if spooled is not None and waiting.command_id not in view.dead:
                view.write_dead(DeadLetter(spooled, reason, now))
        self.settle(waiting)

    def summary(self) -> Summary:
        with self._current() as view:
            return _summary(self.folder, view)

    def open(self) -> Summary:
        """Cut what is not whole, make room for the worst, and tell how it stands."""
        with self._current() as view:
            self._ballast.refill()
            return _summary(self.folder, view)

    def replayer_lock(self) -> FileLock:
        """Whoever holds it replays."""
        return FileLock(self.folder / "replayer.lock")

    def close(self) -> None:
        self._lock.close()


def read_summary(folder: Path) -> Summary:
    """How the spool in `folder` stands, without a lock and without changing anything.

    Raises SpoolError where it cannot be read.
    """
    view = _View(folder, SEGMENT_BYTES)
    try:
        view.catch_up(cut=False)
    except OSError as error:
        raise of_disk(error) from error
    return _summary(folder, view)


def _summary(folder: Path, view: _View) -> Summary:
    first = next(iter(view.waiting.values()), None)
    return Summary(
        depth=len(view.waiting),
        oldest_at=None if first is None else first.at,
        dead=tuple(view.dead.values()),
        unreadable=view.unreadable,
        damaged=sum(1 for _ in folder.glob(f"{DAMAGED}*")),
    )


def _key(waiting: Waiting) -> Key:
    return Key(waiting.command_id, waiting.fingerprint, waiting.emergency_id, waiting.at, True)


def _same(known: bytes, given: bytes) -> None:
    if known != given:
        raise SpoolKeyReused("this command id stands for another request")


def _found(view: _View, one: Spooled) -> Waiting | SpoolError:
    waiting = view.waiting[one.command_id]
    if waiting.fingerprint != one.fingerprint:
        return SpoolKeyReused("this command id stands for another request")
    return waiting
