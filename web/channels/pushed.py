"""What channels show people of patients, for the audit trail: a line for each thing and connection.

A crew's `device:` and a doctor's `inbox:` say what a patient suffers from; who subscribed may have
done so hours before. Of `emergency:`, `track:` and `patient:` the subscription names the patient,
and of `ops:` and `fleet:`, which show the control room all there is, it stands for all of it.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

import msgspec
from msgspec import Struct

from realtime.ports import Identity
from web.access.caller import caller_of
from web.access.decision import Decision, Told

log = logging.getLogger(__name__)

# (connection, thing) that have their line. One that was forgotten gets another.
MAX_KNOWN: Final = 20_000


class _Task(Struct, frozen=True):
    id: str
    emergency: str


class _Request(Struct, frozen=True):
    id: str
    patient_id: str


class _Fact(Struct, frozen=True):
    """As much of DeviceUpdate and InboxUpdate."""

    event: str
    task: _Task | None = None
    request: _Request | None = None


_fact: Final = msgspec.json.Decoder(_Fact)
NAMESPACES: Final = frozenset({"device", "inbox"})


class Pushed:
    """Called with each fact that is about to be given to a subscriber of these namespaces."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __call__(self, identity: Identity, channel: str, payload: bytes) -> None:
        try:
            fact = _fact.decode(payload)
        except msgspec.DecodeError as error:
            # Nobody is cut off from his tasks for that.
            log.error("a fact of %s is not understood: %s", channel, type(error).__name__)
            return
        details = {"event": fact.event}
        if fact.task is not None and self._first(identity, fact.task.id):
            self._told(
                Decision(
                    identity=identity,
                    action="task.push",
                    kind="task",
                    id=fact.task.id,
                    outcome="allowed",
                    emergencies=(fact.task.emergency,),
                    details=details,
                )
            )
        if fact.request is not None and self._first(identity, fact.request.id):
            self._told(
                Decision(
                    identity=identity,
                    action="consultation_request.push",
                    kind="consultation_request",
                    id=fact.request.id,
                    outcome="allowed",
                    patients=(fact.request.patient_id,),
                    details=details,
                )
            )

    def _first(self, identity: Identity, thing: str) -> bool:
        key = (caller_of(identity).client, thing)
        if key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return True
