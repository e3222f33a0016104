"""Where a crew is expected to be free again: at the hospital that its patient is brought to.

Once that is chosen it is known; until then it is the one that the crew would be shown first
(`hospital.choice`), for the patient and the scene, with the hospitals as they stand. What is found
is kept: another case, or a hospital that stands otherwise, is what may change it, no decision is.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from math import inf
from operator import add, attrgetter
from typing import NamedTuple

from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import KnownHospital
from actors.domain.hospital.choice import SUITABLE, Candidate, standing
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location

_by_id = attrgetter("id")


class Release(NamedTuple):
    """`drive_s`: from the scene to there."""

    where: Location
    drive_s: float


class _Found(NamedTuple):
    """For which case. `ways`: to each hospital, seconds; `best`: which of them.

    `within_s`: another one is better only with a drive and a wait of no more than that together,
    and open; inf where the best does not suit.
    """

    case: Case
    release: Release
    ways: tuple[float, ...]
    best: int
    within_s: float


class Releases:
    """Of the cases of one region."""

    def __init__(self, travel: TravelEstimate, rules: DispatchRules) -> None:
        self._travel = travel
        self._rules = rules
        self._read: Mapping[str, KnownHospital] = {}
        self._hospitals: tuple[Candidate, ...] = ()
        self._waits: dict[Sequence[str], list[float]] = {}
        self._found: dict[str, _Found] = {}
        self._chosen: dict[str, tuple[Case, Release]] = {}

    def read(self, known: Mapping[str, KnownHospital]) -> Iterable[str] | None:
        """Take in how the hospitals stand; the keys of the cases that it may be another for now.
        None: for any."""
        if known is self._read:
            return ()
        before, now = self._hospitals, _in_order(known)
        self._read, self._hospitals, self._waits = known, now, {}
        if list(map(_lasting, before)) != list(map(_lasting, now)):
            self._found = {}
            return None
        due: set[str] = set()
        for n, (was, one) in enumerate(zip(before, now, strict=True)):
            if was != one:
                due.update(self._touched(n, was, one))
        return [key for key in due if self._another(key)]

    def of(self, key: str, case: Case) -> Release | None:
        """For the case of this key, as the hospitals were last read. None: none is known."""
        found = self._found.get(key)
        if found is not None and found.case is case:
            return found.release
        if case.slot == 1 and case.card.destination is not None:
            return self._to(key, case, case.card.destination)
        if not self._hospitals:
            return None
        ways = self._ways(case, [hospital.location for hospital in self._hospitals])
        found = self._found[key] = self._best(case, ways)
        return found.release

    def forget(self, key: str) -> None:
        """Its unit is expected nowhere."""
        self._found.pop(key, None)
        self._chosen.pop(key, None)

    def keep(self, keys: Container[str]) -> None:
        """Only these."""
        for key in [key for key in (*self._found, *self._chosen) if key not in keys]:
            self.forget(key)

    def _to(self, key: str, case: Case, hospital: Location) -> Release:
        known = self._chosen.get(key)
        if known is not None and known[0] is case:
            return known[1]
        self._found.pop(key, None)
        release = Release(hospital, *self._ways(case, [hospital]))
        self._chosen[key] = (case, release)
        return release

    def _ways(self, case: Case, hospitals: list[Location]) -> tuple[float, ...]:
        seconds, scene, at = self._travel.seconds, case.card.location, self._leaves_at(case)
        return tuple([seconds(scene, hospital, at) for hospital in hospitals])

    def _best(self, case: Case, ways: tuple[float, ...]) -> _Found:
        """The first of the best, as `choose` puts them."""
        care = case.card.care
        totals = list(map(add, ways, self._waits_for(care)))
        within_s = min(totals)
        if within_s < inf:
            best = totals.index(within_s)
        else:  # nobody suits: who lacks least
            stand = [standing(one, care, ways[n]) for n, one in enumerate(self._hospitals)]
            best = stand.index(min(stand))
        release = Release(self._hospitals[best].location, ways[best])
        return _Found(case, release, ways, best, within_s)

    def _waits_for(self, care: Sequence[str]) -> list[float]:
        """At each hospital, seconds; inf where it is not open, or lacks something of that."""
        known = self._waits.get(care)
        if known is None:
            known = self._waits[care] = [
                one.wait_s if standing(one, care, 0.0)[:3] == SUITABLE else inf
                for one in self._hospitals
            ]
        return known

    def _touched(self, n: int, was: Candidate, now: Candidate) -> Iterable[str]:
        """Whose best it is, or may be now that it stands otherwise."""
        wait_s = now.wait_s
        better = now.intake == "open" and (was.intake != "open" or wait_s < was.wait_s)
        if not better:
            wait_s = inf  # it wins over what does not suit alone
        return [
            key
            for key, (_, _, ways, best, within_s) in self._found.items()
            if best == n or ways[n] + wait_s <= within_s
        ]

    def _another(self, key: str) -> bool:
        """Look again. Whether that leads elsewhere."""
        before = self._found[key]
        now = self._found[key] = self._best(before.case, before.ways)
        return now.release != before.release

    def _leaves_at(self, case: Case) -> float:
        """When the crew leaves the scene, about: it is asked which hour's traffic that is."""
        match case.status:
            case "transporting" | "at_hospital" | "completed":
                return case.since
            case "on_scene":
                return case.since + self._rules.on_scene_s
            case _:
                there = case.since if case.eta_at is None else case.eta_at
                return there + self._rules.on_scene_s


def _in_order(known: Mapping[str, KnownHospital]) -> tuple[Candidate, ...]:
    """By id, as hospitals are listed."""
    here = (one.candidate for one in known.values() if one.candidate is not None)
    return tuple(sorted(here, key=_by_id))


def _lasting(hospital: Candidate) -> tuple[object, ...]:
    """What of it changes once in a while, load and intake being the rest."""
    return hospital.id, hospital.location, hospital.capabilities
