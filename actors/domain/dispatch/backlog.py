"""Those who wait, kept in order, for policies that look at the first few of thousands.

Sorting a backlog costs more than most decisions that need its head, and between two decisions few
of it have changed. So it is kept in parts that stay in order whatever the time: by what is needed,
class, and whether a unit was taken from them, each part by age. Any order that is asked for is a
merge of parts, made only as far as it is read. A new backlog is made from the last few that were
asked for, case by case where it differs; it is a function of the cases alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Sequence
from heapq import merge
from operator import attrgetter, itemgetter

from actors.domain.dispatch.difference import differing
from actors.domain.dispatch.fleet import Kind
from actors.domain.dispatch.situation import Waiting
from actors.domain.dispatch.weights import PROMOTED_AFTER_S, urgency

# Age as far as it tells apart, and who it is of. No two are equal before the last.
_Entry = tuple[float, str, Waiting]
# What is needed, the class, and whether no unit was taken from it.
_Key = tuple[Kind, int, bool]
_entry_age = itemgetter(0, 1)
# Waiting.age, read in C.
_AGE = attrgetter("raised_at", "emergency")

# So few are put in order sooner than what differs is found.
_FEW = 16
# The backlogs of four regions, or of one at four moments.
_KEPT = 4


class Backlog:
    """No two of `cases` have the same id. Never changed once it is made.

    `kinds`: all that is needed by anybody, and one who needs it.
    """

    __slots__ = ("_parts", "cases", "kinds")

    def __init__(self, cases: tuple[Waiting, ...], parts: dict[_Key, list[_Entry]]) -> None:
        self.cases = cases
        self._parts = parts
        self.kinds: dict[Kind, Waiting] = {key[0]: part[0][2] for key, part in parts.items()}

    def by_age(self) -> Iterator[Waiting]:
        """In the order of Waiting.age."""
        return _merged(list(self._parts.values()))

    def by_rank(
        self, kinds: Container[Kind] | None = None, last: float | None = None
    ) -> Iterator[Waiting]:
        """In the order of Waiting.rank: those of these kinds, down to this class; else all."""
        groups: dict[tuple[int, bool], list[list[_Entry]]] = {}
        for (kind, priority, fresh), part in self._parts.items():
            if (kinds is None or kind in kinds) and (last is None or priority <= last):
                groups.setdefault((priority, fresh), []).append(part)
        for group in sorted(groups):
            yield from _merged(groups[group])

    def by_urgency(self, now: float, kinds: Container[Kind]) -> Iterator[tuple[int, Waiting]]:
        """Those of these kinds in the order of rank, with the class that each has by its age
        (weights.urgency) in place of its priority: that class, and who."""
        groups: dict[tuple[int, bool], list[list[_Entry]]] = {}
        for (kind, _, fresh), part in self._parts.items():
            if kind in kinds:
                for class_, some in _by_class(part, now):
                    groups.setdefault((class_, fresh), []).append(some)
        for group in sorted(groups):
            class_ = group[0]
            for case in _merged(groups[group]):
                yield class_, case

    def made_of(self, cases: tuple[Waiting, ...]) -> Backlog | None:
        """That of others, from this one; None where it is not worth it."""
        old = self.cases
        both = min(len(cases), len(old))
        if 2 * (max(len(cases), len(old)) - both) > len(cases):
            return None
        rows = differing(old, cases)
        if 4 * len(rows) > len(cases):
            return None
        parts, own = self._parts.copy(), set[_Key]()
        gone = [old[row] for row in rows]
        gone += old[both:]
        for case in gone:
            part = _owned(parts, own, _key(case))
            del part[bisect_left(part, case.age, key=_entry_age)]
        come = [cases[row] for row in rows]
        come += cases[both:]
        for case in come:
            part = _owned(parts, own, _key(case))
            at = bisect_left(part, case.age, key=_entry_age)
            part.insert(at, (case.raised_at, case.emergency, case))
        for key in own:
            if not parts[key]:
                del parts[key]
        return Backlog(cases, parts)


_kept: list[Backlog] = []


def backlog(cases: Sequence[Waiting]) -> Backlog:
    """That of these. The same object for the same tuple.

    Threads may ask at once: the list is replaced, never changed, and forgetting is harmless.
    """
    global _kept
    wanted = tuple(cases)
    kept = _kept
    for known in kept:
        if known.cases is wanted:
            return known
    found = None
    for known in kept if len(wanted) > _FEW else ():
        if (found := known.made_of(wanted)) is not None:
            break
    if found is None:
        parts: dict[_Key, list[_Entry]] = {}
        for case in wanted:
            parts.setdefault(_key(case), []).append((case.raised_at, case.emergency, case))
        for part in parts.values():
            part.sort()
        found = Backlog(wanted, parts)
    _kept = [found, *kept[: _KEPT - 1]]
    return found


def by_age(cases: tuple[Waiting, ...]) -> Iterable[Waiting]:
    """In the order of Waiting.age."""
    return sorted(cases, key=_AGE) if len(cases) <= _FEW else backlog(cases).by_age()


def _key(case: Waiting) -> _Key:
    return (case.needs, case.vehicles), case.priority, case.preempted == 0


def _owned(parts: dict[_Key, list[_Entry]], own: set[_Key], key: _Key) -> list[_Entry]:
    """The part, copied from another backlog's before the first change."""
    if key not in own:
        own.add(key)
        parts[key] = list(parts.get(key, ()))
    return parts[key]


def _merged(parts: Sequence[Sequence[_Entry]]) -> Iterator[Waiting]:
    entries = parts[0] if len(parts) == 1 else merge(*parts)
    return (entry[2] for entry in entries)


def _by_class(part: list[_Entry], now: float) -> Iterator[tuple[int, list[_Entry]]]:
    """One part cut where the class changes by age: the older, the more urgent."""
    begin = 0
    while begin < len(part):
        class_ = urgency(part[begin][2], now)
        if now - part[begin][0] < PROMOTED_AFTER_S or class_ == urgency(part[-1][2], now):
            end = len(part)
        else:
            end = bisect_left(part, True, begin, key=lambda e: urgency(e[2], now) > class_)
        yield class_, part[begin:end] if end - begin < len(part) else part
        begin = end
