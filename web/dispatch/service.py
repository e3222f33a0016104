"""What the dispatch desk sees and orders. The truth is in the dispatchers and the emergencies."""

from __future__ import annotations

from collections.abc import Iterable

from actors.domain.dispatcher.commands import (
    ExplainCase,
    ListDuplicates,
    ListSuggestions,
    OverrideAssignment,
    ViewDispatcher,
)
from actors.domain.emergency.commands import (
    ExplainChoices,
    HoldEmergency,
    MergeEmergency,
    OrderCommand,
    OrderUnits,
    ReleaseEmergency,
    StageEmergency,
    StandDownUnit,
    ViewEmergency,
)
from actors.domain.emergency.machine import ENDED
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.domain.views.dispatcher import CaseView, DispatcherView, DuplicateList, SuggestionList
from actors.domain.views.emergency import ChoiceList, EmergencyView
from storage.records.emergencies import Emergencies
from web.audit.draft import audited
from web.auth import gate
from web.dispatch.schemas import (
    AssignmentBody,
    HoldBody,
    MergeBody,
    ReleaseBody,
    StageBody,
    StandDownBody,
    UnitsBody,
)
from web.entities import Entities
from web.problems import not_visible
from web.times import utc


def _dispatcher(region: str) -> EntityRef:
    return EntityRef("dispatcher", region)


def _emergency(emergency_id: str) -> EntityRef:
    return EntityRef("emergency", emergency_id)


class DispatchService:
    """Each method asks first whether the caller may; see web.auth for what that answers."""

    def __init__(self, entities: Entities, emergencies: Emergencies) -> None:
        self._entities = entities
        self._emergencies = emergencies

    # --- a region

    async def show(self, caller: Sender, region: str) -> DispatcherView:
        """The region's dispatcher; of a region nobody has used yet, an empty one."""
        gate(caller, "dispatcher.view")
        view = await self._entities.read(
            _dispatcher(region), ViewDispatcher(), DispatcherView, by=caller
        )
        await self._showed(case.emergency for case in view.cases)
        return view

    async def suggestions(self, caller: Sender, region: str, limit: int) -> SuggestionList:
        gate(caller, "dispatcher.view")
        query = ListSuggestions(limit=limit)
        found = await self._entities.read(_dispatcher(region), query, SuggestionList, by=caller)
        await self._showed(one.emergency for one in found.suggestions)
        return found

    async def duplicates(
        self, caller: Sender, region: str, within_m: float, within_s: float
    ) -> DuplicateList:
        gate(caller, "dispatcher.view")
        query = ListDuplicates(within_m=within_m, within_s=within_s)
        found = await self._entities.read(_dispatcher(region), query, DuplicateList, by=caller)
        await self._showed(one for pair in found.pairs for one in (pair.emergency, pair.duplicate))
        return found

    async def assign(
        self, caller: Sender, region: str, body: AssignmentBody, command_id: str
    ) -> CaseView:
        gate(caller, "dispatcher.assign")
        await self._said_why(caller, str(body.emergency), body.reason)
        order = OverrideAssignment(
            emergency=str(body.emergency),
            unit=str(body.unit),
            reason=body.reason,
            slot=body.slot,
            divert=body.divert,
        )
        return await self._entities.ask(
            _dispatcher(region), order, CaseView, by=caller, id_=command_id
        )

    # --- one emergency

    async def hold(
        self, caller: Sender, emergency_id: str, body: HoldBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.hold")
        until = utc(body.until, "until")
        order = HoldEmergency(
            reason=body.reason, until=None if until is None else until.timestamp()
        )
        return await self._order(caller, emergency_id, order, command_id)

    async def release(
        self, caller: Sender, emergency_id: str, body: ReleaseBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.release")
        order = ReleaseEmergency(ends=body.ends, reason=body.reason)
        return await self._order(caller, emergency_id, order, command_id)

    async def stage(
        self, caller: Sender, emergency_id: str, body: StageBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.stage")
        order = StageEmergency(location=body.location, reason=body.reason)
        return await self._order(caller, emergency_id, order, command_id)

    async def order_units(
        self, caller: Sender, emergency_id: str, body: UnitsBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.order_units")
        units = tuple(map(str, body.units))
        order = OrderUnits(count=body.count, reason=body.reason, units=units)
        return await self._order(caller, emergency_id, order, command_id)

    async def stand_down(
        self, caller: Sender, emergency_id: str, slot: int, body: StandDownBody, command_id: str
    ) -> EmergencyView:
        gate(caller, "emergency.order_units")
        order = StandDownUnit(slot=slot, reason=body.reason)
        return await self._order(caller, emergency_id, order, command_id)

    async def merge(
        self, caller: Sender, emergency_id: str, body: MergeBody, command_id: str
    ) -> EmergencyView:
        """The other is looked at first, to say at once what is wrong. Should it end in this very
        moment, the entities find out by themselves and the duplicate is raised again."""
        gate(caller, "emergency.merge")
        into = str(body.into)
        order = MergeEmergency(into=into, reason=body.reason)
        other = await self._view(caller, into)
        if other.status not in ENDED:
            return await self._order(caller, emergency_id, order, command_id)
        # A repeat gets the first one's answer, however the other one has gone on.
        await self._said_why(caller, emergency_id, body.reason)
        refusal = DomainError(
            "not_open", f"emergency {into} is {other.status}; merge into an open one"
        )
        return await self._entities.refuse(
            _emergency(emergency_id), order, refusal, EmergencyView, by=caller, id_=command_id
        )

    async def why(self, caller: Sender, emergency_id: str) -> ChoiceList:
        """Of each unit that accepted, last; and of one that is being asked just now."""
        gate(caller, "emergency.why")
        view = await self._view(caller, emergency_id)
        accepted = await self._entities.read(
            _emergency(emergency_id), ExplainChoices(), ChoiceList, by=caller
        )
        asked = await self._entities.read(
            _dispatcher(view.region), ExplainCase(emergency=emergency_id), ChoiceList, by=caller
        )
        known = {(choice.slot, choice.unit, choice.at) for choice in accepted.choices}
        open_ = tuple(
            choice for choice in asked.choices if (choice.slot, choice.unit, choice.at) not in known
        )
        audited(patients=[view.patient_id])
        return ChoiceList(emergency_id, (*accepted.choices, *open_))

    async def _order(
        self, caller: Sender, emergency_id: str, order: OrderCommand, command_id: str
    ) -> EmergencyView:
        await self._said_why(caller, emergency_id, order.reason)
        return await self._entities.ask(
            _emergency(emergency_id), order, EmergencyView, by=caller, id_=command_id
        )

    async def _said_why(self, caller: Sender, emergency_id: str, reason: str) -> None:
        """For the trail, before the order is given: whatever comes of it, why it was given stands
        there. Answers 404 where there is no such emergency."""
        view = await self._view(caller, emergency_id)
        audited(patients=[view.patient_id], written=reason)

    async def _showed(self, emergencies: Iterable[str]) -> None:
        """For the trail: whose emergencies the desk sees. Raises RecordsUnavailable: what cannot be
        audited is not shown."""
        audited(patients=await self._emergencies.patients(frozenset(emergencies)))

    async def _view(self, caller: Sender, emergency_id: str) -> EmergencyView:
        view = await self._entities.view(
            _emergency(emergency_id), ViewEmergency(), EmergencyView, by=caller
        )
        if view is None:
            raise not_visible("emergency")
        return view
