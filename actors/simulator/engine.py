"""Plays a scenario in virtual time through the domain's own entities. No sleeping, no I/O.

At one moment, in this order: all that units are due to do, as long as there is any (so all units
that are cleared at it are free together); then the dispatcher plans, with a policy that serves a
queue one unit at a time, so that one whose whole task takes no time is free again for the next in
it; then the next call of the file, which may be of the same moment. A plan is never made between
two messages of a moment.
"""

from __future__ import annotations

from math import inf
from statistics import fmean
from time import perf_counter
from typing import Any, Final

from actors.domain.dispatch import Policy
from actors.domain.dispatch.catalogue import policy_named
from actors.domain.dispatcher import behaviour as dispatcher
from actors.domain.dispatcher.commands import PlanNow
from actors.domain.dispatcher.events import AllRefused, EmergencyDeferred
from actors.domain.dispatcher.plan import STANDING
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency import behaviour as emergency
from actors.domain.emergency.commands import TakeOverEmergency
from actors.domain.kernel import Behaviour, Event, Sender, Wake
from actors.domain.messages.card import StationRef
from actors.domain.messages.to_dispatcher import StationsChanged
from actors.domain.paramedic import behaviour as paramedic
from actors.simulator.crew import (
    REGION,
    SHIFT_START_S,
    Crews,
    Fleet,
    call_id,
    station_id,
)
from actors.simulator.errors import SimulationStuck
from actors.simulator.hospital import Hospitals
from actors.simulator.result import Result
from actors.simulator.runner import Runner
from actors.simulator.scenario import Call, Scenario
from actors.simulator.skills import opaque

_SIMULATOR: Final = Sender("system", "simulator")
_PLAN: Final = PlanNow()
_PLAN_ONE: Final = PlanNow(limit=1)
# After these the dispatcher has a time to be woken at.
_WAITED_OUT: Final = frozenset({EmergencyDeferred, AllRefused})


def simulate(scenario: Scenario, policy: str | Policy | None = None, seed: int = 0) -> Result:
    """Play it, with the scenario's own policy unless another is given.

    The same for the same arguments: nothing in it draws, and no policy that there is does; the
    seed is kept with the result. Raises ValueError for a policy that there is none of, and
    SimulationStuck where one leaves calls without a unit for ever.
    """
    chosen = scenario.policy if policy is None else policy
    return _Play(scenario, policy_named(chosen) if isinstance(chosen, str) else chosen).run(seed)


def rules_of(scenario: Scenario, hospitals: Hospitals) -> DispatchRules:
    """The dispatcher's rules in a run: nothing that people would have to look at or wait for.

    What tasks take on average is what experience would say of such calls; it only serves estimates
    of when a unit is free again.
    """
    calls = scenario.calls
    transports = [call for call in calls if call.transport]
    share = len(transports) / len(calls) if calls else 0.0
    driven = [
        scenario.travel.seconds(call.place, hospitals.nearest(call.place, call.at_s))
        for call in transports
    ]
    return DispatchRules(
        plans_when_asked=True,
        runners_up=0,
        escalate_s=None,
        on_scene_s=fmean(call.on_scene_s for call in calls) if calls else 0.0,
        transport_s=share * fmean(driven) if driven else 0.0,
        handover_s=share * fmean(call.handover_s for call in transports) if driven else 0.0,
    )


def _stations(scenario: Scenario) -> StationsChanged:
    """The bases, for policies that move idle units between them."""
    bases = {unit.base.index: unit.base for unit in scenario.units}
    names = scenario.place_ids
    stations = (StationRef(station_id(bases[at]), names[at], bases[at]) for at in sorted(bases))
    return StationsChanged(revision=1, stations=tuple(stations))


class _Play:
    def __init__(self, scenario: Scenario, policy: Policy) -> None:
        self._scenario = scenario
        self._policy = policy
        hospitals = Hospitals(scenario)
        rules = rules_of(scenario, hospitals)
        self._dispatching = dispatcher.behaviour(policy, scenario.travel, rules)
        behaviours: tuple[Behaviour[Any], ...] = (
            emergency.BEHAVIOUR,
            paramedic.behaviour(scenario.travel),
            self._dispatching,
        )
        self._runner = Runner({b.kind: b for b in behaviours})
        busy = "busy" in policy.wants
        self._crews = Crews(scenario, hospitals, self._runner, busy=busy)
        self._also_idle = "stations" in policy.wants
        if self._also_idle:
            self._runner.watch("dispatcher", dict.fromkeys(STANDING, self._restood))
        self._dispatcher = self._runner.entity("dispatcher", REGION)
        self._fleet = Fleet(scenario, self._crews)
        self._decisions_s: list[float] = []
        # Whether who stands idle, or where, is another since the policy was last asked.
        self._restand = False
        self._also_busy = bool(policy.wants)
        # Who weighs units against each other means all of a plan or nothing of it, as live.
        self._plan_now = _PLAN if policy.wants else _PLAN_ONE
        self._to_be_woken = False

    def run(self, seed: int) -> Result:
        began = perf_counter()
        self._runner.now = SHIFT_START_S
        if self._also_idle:
            self._runner.ask("dispatcher", REGION, _stations(self._scenario), _SIMULATOR)
        self._crews.begin()
        self._plan(SHIFT_START_S)  # where they stand, before anybody calls
        self._run()
        crews, scenario = self._crews, self._scenario
        return Result(
            scenario=scenario.name,
            policy=self._policy.name,
            seed=seed,
            targets=scenario.targets,
            rows=tuple(row for row in crews.rows if row is not None),
            preemptions=crews.preemptions,
            moves=crews.moves,
            decisions_s=tuple(self._decisions_s),
            elapsed_s=perf_counter() - began,
        )

    def _run(self) -> None:
        runner, crews, calls = self._runner, self._crews, self._scenario.calls
        arrived, wake_at = 0, inf
        while True:
            now = due = crews.next_due()
            call_at = calls[arrived].at_s if arrived < len(calls) else inf
            if wake_at < now:
                now = wake_at
            if call_at < now:
                now = call_at
            if now == inf:
                break
            runner.now = now
            if due == now:
                if crews.act(now) or self._also_busy:
                    self._plan(now)
            elif wake_at == now:
                runner.ask("dispatcher", REGION, Wake(), _SIMULATOR)
                self._plan(now)
            else:
                self._raise(arrived, calls[arrived])
                self._plan(now)
                crews.queued[arrived] = not crews.sent[arrived]
                arrived += 1
            if self._to_be_woken:
                wake_at = self._wake_at(now)
        if crews.waiting:
            raise SimulationStuck(self._policy.name, crews.waiting)

    def _wake_at(self, now: float) -> float:
        """When the dispatcher wants to be woken, if anybody waits. What is past was done."""
        if not self._crews.waiting:
            return inf
        at = self._dispatching.wake_at(self._dispatcher.state)
        return inf if at is None or at <= now else at

    def _raise(self, index: int, call: Call) -> None:
        self._crews.waiting += 1
        command = TakeOverEmergency(
            patient_id=None,
            region=REGION,
            location=call.place,
            priority=call.priority,
            needs=opaque(call.needs) if call.needs else (),
        )
        self._runner.ask("emergency", call_id(index), command, _SIMULATOR)

    def _restood(self, _region: str, _event: Event) -> None:
        self._restand = True

    def _plan(self, now: float) -> None:
        """Until the policy has nothing more to propose at this moment.

        It is asked for whom it is asked live: for those who wait, and for idle units that changed.
        Not where no unit is free, of which one that does not look at busy units can make nothing.
        """
        crews, also_busy = self._crews, self._also_busy
        while (crews.waiting or self._restand) and (crews.idle or also_busy):
            self._restand = False
            self._dispatcher.telemetry = self._fleet.seen(now)
            began = perf_counter()
            decision = self._runner.handle(self._dispatcher, self._plan_now, _SIMULATOR)
            self._decisions_s.append(perf_counter() - began)
            for event in decision.events:
                if type(event) in _WAITED_OUT:
                    self._to_be_woken = True
            if not decision.sends:
                return
            crews.act(now)
