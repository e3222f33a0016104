"""One chain, row by row: does it hold together, and if not, what was done to it.

Pure. Rows come in order of `seq`. A row is *broken* when its hash does not cover its content at its
place. Of a broken row it is asked where it would be whole: a row that was moved keeps its hash, and
that names its old place. So a stretch of rows that all stand d places too far to the end of the
chain tells of d rows inserted before it (or, the other way, removed and closed up), and two rows in
each other's places of an exchange; what fits nowhere was altered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from actors.audit import GENESIS
from storage.audit.chain import Row, Source, covers
from storage.audit.finding import Finding, Kind

# How far a row is looked for from where it stands, when rows were inserted or closed up.
MAX_SHIFT: Final = 32
# Broken rows of one chain that are told apart; the rest is only counted.
MAX_BROKEN: Final = 200


class Checkpoint(Struct, frozen=True):
    """That heads `number` saw `hash` at `seq` of this chain."""

    number: int
    seq: int
    hash: bytes


class _Stretch(Struct):
    """Rows from `first` to `last` that stand `shift` places after where they belong."""

    first: int
    last: int
    shift: int


class ChainCheck:
    """Feed it a chain's rows, then ask for `findings`.

    `checkpoints`: by rising `seq`. `first`: the number its first row must have; with `anchor`, the
    hash of the row before that one, which was not asked to be checked.
    """

    def __init__(
        self,
        source: Source,
        writer: str,
        checkpoints: Sequence[Checkpoint] = (),
        first: int = 1,
        anchor: bytes = GENESIS,
    ) -> None:
        self._source = source
        self._writer = writer
        self._checkpoints = [point for point in checkpoints if point.seq >= first]
        self._next_point = 0
        self._agreed = first - 1
        self._seq = first - 1
        self._hash = anchor
        self._prev = b""
        self._linked = True
        self._findings: list[Finding] = []
        self._stretches: list[_Stretch] = []
        self._broken: list[Row] = []
        self._more_broken = 0
        self._ended_at = 0
        self._after_end: tuple[int, int] | None = None

    def feed(self, row: Row) -> None:
        if row.seq <= self._seq:
            self._find("forked", row.seq, row.seq, "this number is taken twice")
            return
        if row.seq > self._seq + 1:
            self._find("removed", self._seq + 1, row.seq - 1, "missing in the middle of the chain")
            self._linked = False
        whole = covers(row, row.seq, row.prev, row.hash)
        if whole:
            self._follows(row)
        elif (shift := self._shift_of(row)) is not None:
            self._moved(row.seq, shift)
        elif len(self._broken) < MAX_BROKEN:
            self._broken.append(row)
        else:
            self._more_broken += 1
        self._past_end(row)
        self._at_checkpoint(row)
        # After a broken row its own hash is not trusted: what follows is not held against it.
        self._linked = whole
        self._seq, self._hash, self._prev = row.seq, row.hash, row.prev

    def findings(self) -> list[Finding]:
        """All there is to say, once the last row has been fed."""
        if self._after_end is not None and not self._blamed:
            says = f"the chain was closed by row {self._ended_at}"
            self._find("inserted", *self._after_end, says)
        closed_up = self._sort_out()
        missing = [p for p in self._checkpoints if p.seq > self._seq + closed_up]
        if missing:
            top = missing[-1]
            says = f"cut off at the end; heads {missing[0].number} saw up to row {missing[0].seq}"
            self._find("removed", self._seq + 1, top.seq, says)
        return sorted(self._findings, key=lambda found: (found.first, found.last))

    @property
    def _blamed(self) -> bool:
        """Whether something was found that makes the rows after it differ from what heads saw."""
        return bool(self._findings or self._broken or self._stretches)

    # -- links -----------------------------------------------------------------------------------

    def _follows(self, row: Row) -> None:
        if not self._linked or row.prev == self._hash:
            return
        if row.prev == self._prev:
            says = f"row {row.seq} follows the same row: this one was put in, or exchanged"
            self._find("forked", self._seq, self._seq, says)
        elif self._seq == 0:
            self._find("removed", row.seq, row.seq, "the chain does not begin with this row")
        else:
            says = f"row {row.seq} follows another: this one's hash was made anew"
            self._find("altered", self._seq, self._seq, says)

    def _at_checkpoint(self, row: Row) -> None:
        while self._next_point < len(self._checkpoints):
            point = self._checkpoints[self._next_point]
            if point.seq > row.seq:
                return
            self._next_point += 1
            if point.seq == row.seq and point.hash == row.hash:
                self._agreed = row.seq
            elif point.seq == row.seq and not self._blamed:
                says = f"heads {point.number} saw another row {row.seq}: made anew since"
                self._find("rewritten", self._agreed + 1, row.seq, says)

    def _past_end(self, row: Row) -> None:
        if self._ended_at:
            first = row.seq if self._after_end is None else self._after_end[0]
            self._after_end = (first, row.seq)
        elif row.action == "trail.end":
            self._ended_at = row.seq

    # -- broken rows -----------------------------------------------------------------------------

    def _shift_of(self, row: Row) -> int | None:
        """By how many places the row stands too late (early: negative); None where it fits none."""
        last = self._stretches[-1].shift if self._stretches else 0
        if last and _belongs(row, row.seq - last):
            return last
        if len(self._broken) >= MAX_BROKEN:
            return None
        for shift in range(1, MAX_SHIFT + 1):
            for signed in (shift, -shift):
                if _belongs(row, row.seq - signed):
                    return signed
        return None

    def _moved(self, seq: int, shift: int) -> None:
        last = self._stretches[-1] if self._stretches else None
        if last is not None and last.shift == shift and last.last == seq - 1:
            last.last = seq
        elif len(self._stretches) < MAX_BROKEN:
            self._stretches.append(_Stretch(seq, seq, shift))
        else:
            self._more_broken += 1

    def _sort_out(self) -> int:
        """Say of the broken rows what was done to them; how many were removed and closed up."""
        closed_up = 0
        if self._stretches and self._stretches[-1].last == self._seq:
            tail = self._stretches[-1]
            if not self._exchanged(tail):
                self._stretches.pop()
                self._shifted(tail)
                closed_up = max(0, -tail.shift)
        for stretch in self._stretches:
            for seq in range(stretch.first, min(stretch.last, stretch.first + MAX_BROKEN) + 1):
                self._find("reordered", seq, seq, f"belongs at {seq - stretch.shift}")
        self._far_apart()
        for row in self._broken:
            self._find("altered", row.seq, row.seq, "its content is not what its hash covers")
        if self._more_broken:
            says = f"{self._more_broken} more broken rows follow"
            self._find("altered", self._seq, self._seq, says)
        return closed_up

    def _exchanged(self, tail: _Stretch) -> bool:
        """Whether the last stretch is one half of an exchange, and no shift to the end."""
        return any(
            other.shift == -tail.shift
            and other.last - other.first == tail.last - tail.first
            and other.first == tail.first - tail.shift
            for other in self._stretches[:-1]
        )

    def _shifted(self, tail: _Stretch) -> None:
        if tail.shift > 0:
            first, last = tail.first - tail.shift, tail.first - 1
            # What was put in need not be broken, and where it made a fork that is said already.
            self._broken = [row for row in self._broken if not first <= row.seq <= last]
            self._findings = [
                found for found in self._findings if not first - 1 <= found.first <= last
            ]
            self._find("inserted", first, last, f"the rows from {tail.first} on were moved up")
        else:
            first, last = tail.first, tail.first - tail.shift - 1
            self._find("removed", first, last, "and the rows after them moved down in their place")

    def _far_apart(self) -> None:
        """Pairs of broken rows, one in the place of the other."""
        left: list[Row] = []
        for row in self._broken:
            place = next((o.seq for o in self._broken if o is not row and _stands_for(row, o)), 0)
            if place:
                self._find("reordered", row.seq, row.seq, f"belongs at {place}")
            else:
                left.append(row)
        self._broken = left

    def _find(self, kind: Kind, first: int, last: int, says: str) -> None:
        self._findings.append(
            Finding(
                kind=kind,
                source=self._source,
                writer=self._writer,
                first=first,
                last=last,
                says=says,
            )
        )


def _belongs(row: Row, seq: int) -> bool:
    return seq > 0 and covers(row, seq, row.prev, row.hash)


def _stands_for(row: Row, other: Row) -> bool:
    """Whether `row` is what stood at `other`'s place: all of it, or its content alone."""
    if _belongs(row, other.seq):
        return True
    return covers(row, other.seq, other.prev, other.hash)


def whole_chain_removed(source: Source, writer: str, top: Checkpoint) -> Finding:
    """Of a chain that heads saw and of which there is no row."""
    says = f"the whole chain is missing; heads {top.number} saw up to row {top.seq}"
    return Finding(kind="removed", source=source, writer=writer, first=1, last=top.seq, says=says)
