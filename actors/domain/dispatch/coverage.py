"""`coverage`: who is sent, and where idle units stand, so that the next call is near a unit too.

Sending. In the order of priority. The most urgent classes (`closest_for`) get the unit that is
there soonest. Any other may get one that is there up to `slack_s` later, where the closest is worth
more where it stands: of the units within the slack the one is sent for which the seconds lost plus
the seconds that the next call is expected to lose (cover.py), `next_calls` times, is least. Sending
by preparedness rather than by distance alone: Andersson, Värbrand 2007,
doi:10.1057/palgrave.jors.2602174, and what that does to the mean and to the late: Jagtenberg,
Bhulai, van der Mei 2017, doi:10.1007/s10729-016-9368-0.

Standing. After that, the idle unit and the station are sought whose move shortens the expected way
to the next call most (Jagtenberg, Bhulai, van der Mei 2015, "An efficient heuristic for real-time
ambulance redeployment", Operations Research for Health Care). A crew is moved only for a gain of
at least `move_gain_s`, no farther than `move_s`, and `moves` at a time: each move is work for a
crew, and a threshold keeps units from being sent to and fro.

While somebody waits whom nobody is sent to, no crew is moved: it may be the one that is needed.

Where demand is not known yet, stations stand for it: that is where the planners expected calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actors.domain.dispatch.backlog import backlog
from actors.domain.dispatch.cover import Cover, busy_share
from actors.domain.dispatch.greedy import in_reach
from actors.domain.dispatch.nearest import Nearest, nearest
from actors.domain.dispatch.situation import (
    FreeUnit,
    Hotspot,
    Move,
    Part,
    Plan,
    Proposal,
    Situation,
    Waiting,
)
from actors.domain.places import Array
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location


@dataclass(frozen=True, slots=True)
class CoverageRules:
    """`closest_for`: the last class that always gets the closest. `slack_s`: how much later another
    class's unit may be. `next_calls`: how many calls a unit's place is missed for while it is away.
    `missing_s`: the way expected of a unit that is not there. `moves`: per plan. `move_gain_s`: the
    least gain of a move, in expected seconds to the next call. `move_s`: the farthest move.
    `spots`: the heaviest places looked at, and `movable`: the units missed least; both only bound
    the time to decide. `plenty`: where so many units are idle, nobody is missed anywhere.
    """

    closest_for: int = 1
    slack_s: float = 60.0
    next_calls: float = 4.0
    missing_s: float = 1200.0
    moves: int = 1
    move_gain_s: float = 6.0
    move_s: float = 900.0
    spots: int = 128
    movable: int = 12
    plenty: int = 600


@dataclass(frozen=True, slots=True)
class Coverage:
    """See above."""

    name: str = "coverage"
    wants: frozenset[Part] = frozenset({"busy", "stations", "demand"})
    rules: CoverageRules = CoverageRules()

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        if not situation.free:
            return Plan()
        covering = _Covering(self.rules, situation, travel)
        proposals, refused = covering.sent()
        moves = covering.moves() if len(proposals) == len(situation.waiting) else []
        return Plan(tuple(proposals), tuple(refused), moves=tuple(moves))


def relocations(
    situation: Situation, sent: Plan, travel: TravelEstimate, rules: CoverageRules
) -> tuple[Move, ...]:
    """The moves that suit the idle units that `sent` leaves."""
    asked = {proposal.unit for proposal in sent.proposals}
    if len(asked) + len(sent.preemptions) < len(situation.waiting):
        return ()
    covering = _Covering(rules, situation, travel)
    covering.leave(asked)
    return tuple(covering.moves())


class _Covering:
    """The idle units, which shrink as they are sent, and what they cover."""

    def __init__(self, rules: CoverageRules, situation: Situation, travel: TravelEstimate) -> None:
        self._rules = rules
        self._situation = situation
        self._travel = travel
        self._units = sorted(situation.free, key=lambda unit: unit.unit)
        self._index = {unit.unit: index for index, unit in enumerate(self._units)}
        self._left = dict.fromkeys(range(len(self._units)))
        self._moved: list[int] = []
        few = len(self._units) < rules.plenty
        demand = situation.demand[: rules.spots] or tuple(
            Hotspot(station.location, 1.0) for station in situation.stations
        )
        self._cover: Cover | None = None
        if few and sum(spot.weight for spot in demand) > 0.0:
            self._cover = Cover(
                demand, busy_share(situation), rules.missing_s, travel, situation.now
            )
        self._stations = {station.id: station for station in situation.stations}
        self._ways: Array | None = None

    def sent(self) -> tuple[list[Proposal], list[str]]:
        """What to propose, and who was refused by all."""
        proposals: list[Proposal] = []
        refused: list[str] = []
        situation = self._situation
        pool = nearest(self._units, self._travel, situation.now)
        for case in in_reach(backlog(situation.waiting), pool):
            if not self._left:
                break
            best = pool.soonest(case)
            if best is not None:
                proposal = self._chosen(case, best, pool)
                proposals.append(proposal)
                pool.take(proposal.unit)
                self.leave({proposal.unit})
            elif case.refused_by and pool.any_suits(case):
                refused.append(case.emergency)
        return proposals, refused

    def leave(self, units: set[str]) -> None:
        """These stand idle no more."""
        for index in (self._index[unit] for unit in units):
            del self._left[index]

    def moves(self) -> list[Move]:
        """The best moves of those who are left, one after the other."""
        found: list[Move] = []
        cover = self._cover
        if cover is None or len(self._stations) < 2:
            return found
        ids = sorted(self._stations)
        posts = cover.ways([self._stations[id_].location for id_ in ids])
        ways = self._standing(cover).copy()
        for _ in range(self._rules.moves):
            best = self._best_move(cover, ways, posts, ids) if self._left else None
            if best is None:
                break
            index, post, gain_s = best
            reason = f"the next call is expected {gain_s:.0f} s nearer"
            found.append(Move(self._units[index].unit, ids[post], reason))
            ways[:, index] = posts[:, post]
            self._moved.append(index)
            del self._left[index]
        return found

    def _best_move(
        self, cover: Cover, ways: Array, posts: Array, ids: Sequence[str]
    ) -> tuple[int, int, float] | None:
        """Unit, station and gain of the best move worth making."""
        rules = self._rules
        near = cover.nearest(ways[:, [*self._left, *self._moved]])
        left = np.array(list(self._left))
        lost = cover.losses(near, ways[:, left])
        # Those that are missed least, in the order of their ids where they are missed equally.
        spare = np.argsort(lost, kind="stable")[: rules.movable]
        gain = np.array(
            [
                cover.gains(cover.without(near, ways[:, left[row]]), posts) - lost[row]
                for row in spare
            ]
        )
        for flat in np.argsort(-gain, axis=None, kind="stable"):
            row, post = divmod(int(flat), len(ids))
            if gain[row, post] < rules.move_gain_s:
                return None
            index = int(left[spare[row]])
            if self._may_move(self._units[index], ids[post]):
                return index, post, float(gain[row, post])
        return None

    def _may_move(self, unit: FreeUnit, post: str) -> bool:
        way_s = self._travel.seconds(
            unit.location, self._stations[post].location, self._situation.now
        )
        return unit.station != post and way_s <= self._rules.move_s

    def _chosen(self, case: Waiting, best: tuple[float, str], pool: Nearest) -> Proposal:
        rules = self._rules
        closest = Proposal(case.emergency, best[1], best[0])
        if case.priority <= rules.closest_for or self._cover is None or rules.slack_s <= 0.0:
            return closest
        near = pool.within(case, best[0] + rules.slack_s)
        if len(near) < 2:
            return closest
        ways = self._standing(self._cover)
        lost = self._cover.losses(
            self._cover.nearest(ways[:, list(self._left)]),
            ways[:, [self._index[unit] for _, unit in near]],
        )
        _, eta_s, unit = min(
            (eta_s + rules.next_calls * float(lost[row]), eta_s, unit)
            for row, (eta_s, unit) in enumerate(near)
        )
        if unit == best[1]:
            return closest
        return Proposal(case.emergency, unit, eta_s, "the closest is needed where it is")

    def _standing(self, cover: Cover) -> Array:
        """The ways from where each unit stands; also of those who have left."""
        if self._ways is None:
            self._ways = cover.ways([self._stand(unit) for unit in self._units])
        return self._ways

    def _stand(self, unit: FreeUnit) -> Location:
        """Where it will be once it is home."""
        station = self._stations.get(unit.station) if unit.station is not None else None
        return unit.location if station is None else station.location
