"""Paramedics, emergencies and a dispatcher over a bus that reorders, repeats and delays.

People at the desk interfere as they like: they override, hold, stage, order more units, merge; and
the policy takes units from one emergency for another.
"""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from msgspec.structs import replace

from actors.domain.dispatch import ByPriority, Policy
from actors.domain.dispatch.preemptive_lookahead import PreemptiveLookahead
from actors.domain.dispatcher.commands import (
    ListDuplicates,
    ListSuggestions,
    OverrideAssignment,
    ViewDispatcher,
)
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import (
    CancelEmergency,
    HoldEmergency,
    MergeEmergency,
    OrderUnits,
    OverridePriority,
    ReleaseEmergency,
    StageEmergency,
    StandDownUnit,
)
from actors.domain.hospital.commands import (
    RegisterHospital,
    ReportLoad,
    RetireHospital,
    UpdateHospital,
)
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.domain.messages.card import StationRef
from actors.domain.messages.telemetry import ReportPosition
from actors.domain.messages.to_dispatcher import StationsChanged
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    EndBreak,
    GoOffDuty,
    GoOnDuty,
    HandBackTask,
    ProgressTask,
    TakeBreak,
)
from actors.domain.registry import kinds
from actors.domain.values import Destination, Position
from tests.unit.actors.domain.cast import (
    SYSTEM,
    crew,
    emergency_ref,
    north_of_centre,
    patient,
    raise_emergency,
    register,
    unit_ref,
)
from tests.unit.actors.domain.world import DISPATCHER, OPS, REGION, World

UNITS = ("u1", "u2", "u3")
units = st.sampled_from(UNITS)
picks = st.integers(min_value=0, max_value=10_000)
STATIONS = StationsChanged(
    revision=1,
    stations=(
        StationRef("s1", "North", north_of_centre(3)),
        StationRef("s2", "South", north_of_centre(8)),
    ),
)
ORDERS = (
    HoldEmergency(reason="police first"),
    ReleaseEmergency(ends="hold", reason="go"),
    StageEmergency(location=north_of_centre(2), reason="a knife"),
    ReleaseEmergency(ends="staging", reason="police is there"),
    OrderUnits(count=1, reason="two hurt"),
    OrderUnits(count=2, units=("u2",), reason="a bus"),
    StandDownUnit(slot=2, reason="one is enough"),
    StandDownUnit(slot=3, reason="one is enough"),
)
HOSPITALS = ("h1", "h2")
hospitals = st.sampled_from(HOSPITALS)
NEXT = {
    "accepted": ("en_route",),
    "en_route": ("on_scene",),
    "on_scene": ("transporting", "completed"),
    "transporting": ("at_hospital",),
    "at_hospital": ("completed",),
}


def _profile(hospital: str, region: str, km: int) -> dict[str, Any]:
    return {
        "name": hospital,
        "region": region,
        "location": north_of_centre(km),
        "capabilities": ("cath_lab",) if km % 2 else (),
    }


class DispatchProtocol(RuleBasedStateMachine):
    """People do what they like; the bus does its worst."""

    policy: ClassVar[Policy] = ByPriority()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(kinds(DispatchRules(), self.policy))
        self.raised = 0
        self.set_up(self.world)

    def set_up(self, world: World) -> None:
        """What there is before anybody does anything."""
        for unit in UNITS:
            register(world, unit)
        world.ask(DISPATCHER, STATIONS, SYSTEM)
        for km, hospital in enumerate(HOSPITALS):
            command = RegisterHospital(**_profile(hospital, REGION, 4 * km))
            world.ask(EntityRef("hospital", hospital), command)

    def attempt(self, ref: EntityRef, command: Any, by: Sender = OPS) -> None:
        """A command of a person: possible or not, what is refused says what was possible."""
        before = self.world.state(ref)
        try:
            self.world.ask(ref, command, by)
        except DomainError as error:
            assert self.world.state(ref) is before
            if error.code == "impossible_transition":
                assert type(command).__name__ not in error.allowed

    @initialize(on=st.sets(units), calls=st.lists(st.integers(1, 4), max_size=3))
    def a_shift_is_running(self, on: set[str], calls: list[int]) -> None:
        for km, unit in enumerate(sorted(on)):
            self.a_crew_goes_on_duty(unit, km)
        for priority in calls:
            self.somebody_raises(priority, 0)

    # --- people

    @rule(priority=st.integers(1, 4), km=st.integers(0, 9))
    def somebody_raises(self, priority: int, km: int) -> None:
        self.raised += 1
        raise_emergency(self.world, f"e{self.raised}", priority, north_of_centre(km))

    @precondition(lambda self: self.raised)
    @rule(pick=picks)
    def the_patient_cancels(self, pick: int) -> None:
        ref = emergency_ref(f"e{pick % self.raised + 1}")
        self.attempt(ref, CancelEmergency(reason="feels better"), patient())

    @precondition(lambda self: self.raised)
    @rule(pick=picks, priority=st.integers(1, 4))
    def staff_override(self, pick: int, priority: int) -> None:
        ref = emergency_ref(f"e{pick % self.raised + 1}")
        self.attempt(ref, OverridePriority(priority=priority, reason="heard the call"))

    @rule(unit=units, km=st.integers(0, 9))
    def a_crew_goes_on_duty(self, unit: str, km: int) -> None:
        here = north_of_centre(km)
        position = Position(here.lat, here.lon, self.world.now)
        self.attempt(unit_ref(unit), GoOnDuty(position=position), crew(unit))

    @rule(unit=units, command=st.sampled_from([GoOffDuty(), TakeBreak(), EndBreak()]))
    def a_crew_comes_or_goes(self, unit: str, command: Any) -> None:
        self.attempt(unit_ref(unit), command, crew(unit))

    @rule(unit=units, pick=picks)
    def a_crew_accepts(self, unit: str, pick: int) -> None:
        tasks = self.world.unit(unit).tasks
        if tasks:
            task = tasks[pick % len(tasks)].id
            self.attempt(unit_ref(unit), AcceptTask(task=task), crew(unit))

    @rule(unit=units, pick=picks)
    def a_crew_declines(self, unit: str, pick: int) -> None:
        tasks = self.world.unit(unit).tasks
        if tasks:
            task = tasks[pick % len(tasks)].id
            self.attempt(unit_ref(unit), DeclineTask(task=task, reason="no"), crew(unit))

    @rule(unit=units, pick=picks)
    def a_crew_gets_on(self, unit: str, pick: int) -> None:
        live = self.world.unit(unit).live_task
        if live is not None:
            step = NEXT[live.step][pick % len(NEXT[live.step])]
            to = None
            if step == "transporting" and pick % 3:
                to = Destination(HOSPITALS[0], "General", north_of_centre(2))
            # Steps come as any text here; a wrong one would be refused, and fail the test.
            command = ProgressTask(task=live.id, step=step, destination=to)  # type: ignore[arg-type]
            self.attempt(unit_ref(unit), command, crew(unit))

    @rule(unit=units)
    def a_crew_hands_back(self, unit: str) -> None:
        live = self.world.unit(unit).live_task
        if live is not None:
            command = HandBackTask(task=live.id, reason="breakdown")
            self.attempt(unit_ref(unit), command, crew(unit))

    @rule(unit=units, pick=picks)
    def staff_withdraw(self, unit: str, pick: int) -> None:
        tasks = self.world.unit(unit).tasks
        if tasks:
            task = tasks[pick % len(tasks)].id
            self.attempt(unit_ref(unit), WithdrawTask(task=task, reason="needed elsewhere"))

    @rule(unit=units, km=st.integers(0, 9))
    def a_device_reports(self, unit: str, km: int) -> None:
        here = north_of_centre(km)
        report = ReportPosition(lat=here.lat, lon=here.lon, at=self.world.now)
        self.world.signal(unit_ref(unit), report)

    @rule(
        hospital=hospitals,
        intake=st.sampled_from(["open", "divert", "closed"]),
        queue=st.integers(0, 3),
    )
    def a_hospital_says_how_it_stands(self, hospital: str, intake: Any, queue: int) -> None:
        self.attempt(EntityRef("hospital", hospital), ReportLoad(intake=intake, queue=queue))

    @rule(hospital=hospitals, region=st.sampled_from([REGION, "south"]), km=st.integers(0, 9))
    def a_hospital_moves(self, hospital: str, region: str, km: int) -> None:
        command = UpdateHospital(**_profile(hospital, region, km))
        self.attempt(EntityRef("hospital", hospital), command)

    @rule()
    def a_hospital_is_given_up(self) -> None:
        self.attempt(EntityRef("hospital", HOSPITALS[1]), RetireHospital())

    # --- the dispatch desk

    @precondition(lambda self: self.raised)
    @rule(pick=picks, unit=units, slot=st.integers(1, 3), divert=st.booleans())
    def the_desk_sends_a_certain_unit(self, pick: int, unit: str, slot: int, divert: bool) -> None:
        order = OverrideAssignment(
            emergency=f"e{pick % self.raised + 1}",
            unit=unit,
            reason="knows the house",
            slot=slot,
            divert=divert,
        )
        self.attempt(DISPATCHER, order)

    @precondition(lambda self: self.raised)
    @rule(pick=picks, order=st.sampled_from(ORDERS), seconds=st.sampled_from([None, 5.0]))
    def the_desk_orders(self, pick: int, order: Any, seconds: float | None) -> None:
        if isinstance(order, HoldEmergency) and seconds is not None:
            order = replace(order, until=self.world.now + seconds)
        self.attempt(emergency_ref(f"e{pick % self.raised + 1}"), order)

    @precondition(lambda self: self.raised > 1)
    @rule(one=picks, other=picks)
    def the_desk_merges(self, one: int, other: int) -> None:
        ref = emergency_ref(f"e{one % self.raised + 1}")
        into = f"e{other % self.raised + 1}"
        self.attempt(ref, MergeEmergency(into=into, reason="the same crash"))

    @rule(query=st.sampled_from([ListSuggestions(), ListDuplicates(), ViewDispatcher()]))
    def the_desk_looks(self, query: Any) -> None:
        before = self.world.dispatcher
        self.world.ask(DISPATCHER, query)
        assert self.world.dispatcher is before

    # --- the bus and the clock

    @precondition(lambda self: self.world.bus)
    @rule(pick=picks)
    def any_message_arrives(self, pick: int) -> None:
        self.world.deliver(pick % len(self.world.bus))

    @precondition(lambda self: self.world.bus)
    @rule(pick=picks)
    def a_message_arrives_and_will_again(self, pick: int) -> None:
        self.world.deliver(pick % len(self.world.bus), keep=True)

    @rule(pick=picks)
    def an_old_message_arrives_again(self, pick: int) -> None:
        old = [m for m in self.world.delivered if m.by.role == "system"]
        if old:
            self.world.repeat(self.world.delivered.index(old[pick % len(old)]))

    @rule()
    def everything_arrives(self) -> None:
        self.world.settle()
        self.world.check_nothing_lost()

    @rule(seconds=st.sampled_from([0.5, 5.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.advance(seconds)

    # --- what holds

    @invariant()
    def the_dispatcher_serves_in_order(self) -> None:
        ranks = [case.rank for case in self.world.dispatcher.cases.values()]
        assert len(set(ranks)) == len(ranks)

    def teardown(self) -> None:
        world = self.world
        world.settle()
        world.check_nothing_lost()
        world.check_replay()
        # And it lives on: nobody holds anything back any more, and with a crew that takes what it
        # is asked, every case comes to its end.
        for ends in ("hold", "staging"):
            for n in range(self.raised):
                order = ReleaseEmergency(ends=ends, reason="it is safe")
                self.attempt(emergency_ref(f"e{n + 1}"), order)
        for unit in UNITS:
            self.attempt(unit_ref(unit), EndBreak(), crew(unit))
            self.a_crew_goes_on_duty(unit, 1)
        world.settle()
        wanted = self.raised + sum(len(e.orders.further) for e in world.emergencies())
        for _ in range(60 * (wanted + 1)):
            for unit in UNITS:
                self.a_crew_accepts(unit, 0)
                self.a_crew_gets_on(unit, 1)
            world.settle()
            world.advance(1.0)
            world.settle()
            if not world.dispatcher.cases:
                break
        world.check_nothing_lost()
        assert all(emergency.ended for emergency in world.emergencies())
        assert not world.dispatcher.cases and not world.dispatcher.reserved


class Preempting(DispatchProtocol):
    """With a policy that takes units, and waits for those that are soon free."""

    policy = PreemptiveLookahead()


_SETTINGS = settings(
    max_examples=60,
    stateful_step_count=80,
    suppress_health_check=[HealthCheck.too_slow],
)
TestDispatchProtocol = DispatchProtocol.TestCase
TestDispatchProtocol.settings = _SETTINGS
TestPreempting = Preempting.TestCase
TestPreempting.settings = _SETTINGS
