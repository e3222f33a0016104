"""What is answered for an emergency that was logged and not raised yet."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class EmergencyLogged(Struct, frozen=True, kw_only=True):
    """Help was asked for, and that is on disk; who is sent is decided as soon as it can be.

    `id` is the emergency's from now on: its address and its channel answer once it is raised.
    """

    id: str
    patient_id: str
    received_at: str
    logged: Literal["spool"] = "spool"
