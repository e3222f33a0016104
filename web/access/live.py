"""What changes of access do to sockets that are open, on all nodes.

Orders go through the broker at once. Those that it cannot carry are not lost: each node looks for
itself at what has ended (grants.py).
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from realtime import codes
from realtime.codes import Unsubscribe
from realtime.errors import BrokerUnavailable
from realtime.node import RealtimeServer
from realtime.nodes.control import Target
from realtime.publication import Append
from web.access.notice import RETENTION, PatientNotice

log = logging.getLogger(__name__)

# From 2500 on SDKs subscribe again by themselves and recover: they keep what they still may see,
# miss nothing of it, and are refused the rest. So nobody has to know which channels those are.
ACCESS_CHANGED: Final = Unsubscribe(2600, "access changed", "subscribe again; some may be refused")


class LiveAccess:
    def __init__(self, server: RealtimeServer) -> None:
        self._server = server

    async def changed(self, role: str, subject: str) -> None:
        """What let this principal in has ended: its subscriptions are asked about anew."""
        user = user_of(role, subject)
        try:
            await self._server.unsubscribe(Target(user=user), why=ACCESS_CHANGED)
        except BrokerUnavailable as error:
            log.warning("other nodes learn later that access of %s changed: %s", user, error)

    async def account_ended(self, role: str, subject: str) -> None:
        """The principal may do nothing any more: its sockets are closed, and not to come back."""
        user = user_of(role, subject)
        try:
            await self._server.disconnect(Target(user=user), codes.DISCONNECT_PERMISSION_DENIED)
        except BrokerUnavailable as error:
            log.error("sockets of %s are not closed on other nodes: %s", user, error)

    async def session_ended(self, session_id: str) -> None:
        """Every socket that came with that session's token is closed, on all nodes. Each is told by
        PostgreSQL as well (web/accounts/revocation.py): Redis being away loses nothing."""
        try:
            target = Target(token_id=session_id)
            await self._server.disconnect(target, codes.DISCONNECT_INVALID_TOKEN)
        except BrokerUnavailable:
            log.warning("other nodes close the sockets of session %s by themselves", session_id)

    async def notify(self, patient_id: str, notice: PatientNotice) -> None:
        """Tell the patient and the family. Best effort: the audit and the mail have it for good."""
        append = Append(
            f"patient:{patient_id}",
            msgspec.json.encode(notice),
            RETENTION,
            idempotency_key=f"{notice.event}:{notice.id}",
        )
        try:
            await self._server.append(append)
        except BrokerUnavailable as error:
            log.warning("a notice to patient %s stays unsaid on sockets: %s", patient_id, error)


def user_of(role: str, subject: str) -> str:
    """The realtime server's name of a principal: one per role and subject."""
    return f"{role}:{subject}"
