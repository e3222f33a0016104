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
from actors.domain.dispatch.fleet import Mask, Rows, fleet
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
    Station,
    Waiting,
)
from actors.domain.travel import TravelEstimate


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
    if len(situation.free) >= rules.plenty:
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
        self._fleet = fleet(situation.free)
        self._idle: Mask = np.ones(len(situation.free), dtype=np.bool_)
        self._posts = sorted(situation.stations, key=lambda station: station.id)
        self._read = False
        self._known: Cover | None = None
        # Where each will be once it is home: a post, by its place in their order, or a site of its
        # own behind them.
        self._site: Rows = np.empty(0, dtype=np.intp)
        self._sites = 0

    @property
    def _cover(self) -> Cover | None:
        """None where nothing is expected anywhere, or nobody is missed."""
        if not self._read:
            self._read = True
            self._known = self._covered()
        return self._known

    def _covered(self) -> Cover | None:
        rules, situation = self._rules, self._situation
        if len(situation.free) >= rules.plenty:
            return None
        demand: Sequence[Hotspot] = situation.demand[: rules.spots]
        demand = demand or [Hotspot(post.location, 1.0) for post in self._posts]
        if sum(spot.weight for spot in demand) <= 0.0:
            return None
        sites = [post.location for post in self._posts]
        post_of = {post.id: number for number, post in enumerate(self._posts)}
        station, names = self._fleet.stations
        self._site = np.array([post_of.get(name or "", -1) for name in names])[station]
        for row in (self._site < 0).nonzero()[0].tolist():
            self._site[row] = len(sites)
            sites.append(situation.free[row].location)
        self._sites = len(sites)
        q = busy_share(situation)
        return Cover(demand, sites, q, rules.missing_s, self._travel, situation.now)

    def sent(self) -> tuple[list[Proposal], list[str]]:
        """What to propose, and who was refused by all."""
        proposals: list[Proposal] = []
        refused: list[str] = []
        situation = self._situation
        pool = nearest(situation.free, self._travel, situation.now)
        for case in in_reach(backlog(situation.waiting), pool):
            if not self._idle.any():
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
        self._idle[[self._fleet.at[unit] for unit in units]] = False

    def moves(self) -> list[Move]:
        """The best moves of those who are left, one after the other."""
        found: list[Move] = []
        if len(self._posts) < 2 or not self._idle.any() or (cover := self._cover) is None:
            return found
        standing, staying = self._standing(), self._idle.copy()
        while len(found) < self._rules.moves and staying.any():
            best = self._best_move(cover, standing, staying)
            if best is None:
                break
            row, post, gain_s = best
            reason = f"the next call is expected {gain_s:.0f} s nearer"
            found.append(Move(self._situation.free[row].unit, self._posts[post].id, reason))
            standing[self._site[row]] -= 1
            standing[post] += 1
            staying[row] = False
        return found

    def _best_move(
        self, cover: Cover, standing: Rows, staying: Mask
    ) -> tuple[int, int, float] | None:
        """Unit, post and gain of the best move worth making."""
        rules = self._rules
        near = cover.nearest(standing)
        rows = self._fleet.in_order(staying)
        lost = cover.losses(near)[self._site[rows]]
        # Those that are missed least, in the order of their ids where they are missed equally.
        spare = lost.argsort(kind="stable")[: rules.movable]
        sites, site = np.unique(self._site[rows[spare]], return_inverse=True)
        gain = cover.gains(near, sites.tolist(), len(self._posts))[site] - lost[spare][:, None]
        worth = (gain >= rules.move_gain_s).ravel().nonzero()[0]
        for flat in worth[(-gain.ravel()[worth]).argsort(kind="stable")].tolist():
            nth, post = divmod(flat, len(self._posts))
            row = int(rows[spare[nth]])
            if self._may_move(self._situation.free[row], self._posts[post]):
                return row, post, float(gain[nth, post])
        return None

    def _may_move(self, unit: FreeUnit, post: Station) -> bool:
        if unit.station == post.id:
            return False
        way_s = self._travel.seconds(unit.location, post.location, self._situation.now)
        return way_s <= self._rules.move_s

    def _chosen(self, case: Waiting, best: tuple[float, str], pool: Nearest) -> Proposal:
        rules = self._rules
        closest = Proposal(case.emergency, best[1], best[0])
        if case.priority <= rules.closest_for or rules.slack_s <= 0.0:
            return closest
        near = pool.within(case, best[0] + rules.slack_s)
        if len(near) < 2 or (cover := self._cover) is None:
            return closest
        lost = cover.losses(cover.nearest(self._standing()))
        _, eta_s, unit = min(
            (eta_s + rules.next_calls * float(lost[self._site[self._fleet.at[unit]]]), eta_s, unit)
            for eta_s, unit in near
        )
        if unit == best[1]:
            return closest
        return Proposal(case.emergency, unit, eta_s, "the closest is needed where it is")

    def _standing(self) -> Rows:
        """How many of those who are left stand at each site."""
        return np.bincount(self._site[self._idle], minlength=self._sites)
