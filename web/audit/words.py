"""The trail in a patient's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What somebody did to "your record": said of lines whose outcome is "allowed".
_DID: Final[Mapping[str, str]] = {
    "patient.view": "viewed your record",
    "patient.history": "viewed your emergencies",
    "patient.list": "saw your record in a list of patients",
    "patient.create": "made your record",
    "patient.update": "changed your record",
    "patient.delete": "deleted your record",
    "patient.erase": "destroyed the key of your record",
    "patient.access_log": "looked at who saw your record",
    "patient.break_glass": "opened your record in an emergency, and had to say why",
    "patient.close_break_glass": "closed your record again",
    "break_glass.list": "looked through records that were opened in an emergency",
    "break_glass.review": "reviewed why your record was opened in an emergency",
    "emergency.raise": "asked for help for you",
    "emergency.replay": "passed on the call for help that it had to write down first",
    "emergency.view": "viewed your emergency",
    "emergency.list": "saw your emergency in a list",
    "emergency.cancel": "cancelled your emergency",
    "emergency.override_priority": "changed the priority of your emergency",
    "emergency.hold": "held back units from your emergency",
    "emergency.release": "let units go to your emergency",
    "emergency.stage": "had units wait near your emergency",
    "emergency.order_units": "ordered how many units go to your emergency",
    "emergency.merge": "put your emergency together with another call about the same",
    "emergency.why": "looked at why units were chosen for your emergency",
    "dispatcher.assign": "chose the unit for your emergency",
    "subscribe.emergency": "followed your emergency",
    "subscribe.patient": "followed what happens around your record",
    "subscribe.track": "followed where your ambulance is",
    "task.list": "saw your emergency among the crew's tasks",
    "task.push": "was sent your emergency as a task",
    "task.answer": "answered whether to take the task to help you",
    "task.progress": "said how far the task to help you is",
    "task.hand_back": "gave the task to help you back",
    "dispatcher.view": "saw your emergency among those of the region",
    "hospital.suggest": "looked for a hospital for you",
    "doctor.shift": "saw your request for a consultation",
    "doctor.update": "saw your request for a consultation",
    "consultation_request.push": "was sent your request for a consultation",
    "doctor.view": "saw your request for a consultation",
    "doctor.request_consultation": "asked for a consultation for you",
    "family.list": "saw who of your family acts for you",
    "family.invite": "invited somebody of your family to act for you",
    "family.accept": "began to act for you",
    "family.end": "ended that somebody acts for you",
    "family.create_child": "made your record, as your guardian",
    "audit.list": "looked at the audit trail of your record",
    "login": "logged in to your account",
}
ROLES: Final[Mapping[str, str]] = {
    "patient": "patient",
    "paramedic": "ambulance crew",
    "doctor": "doctor",
    "ops": "control room",
    "admin": "administration",
    "auditor": "auditor",
    "system": "MaxRay itself",
    "anonymous": "somebody without a login",
}

# Those that take no article.
_PROPER: Final = frozenset({ROLES["system"], ROLES["anonymous"]})


def did(action: str) -> str:
    """The rest of a sentence that begins with a name."""
    return _DID.get(action) or f"did “{action.replace('.', ' ').replace('_', ' ')}” to your record"


def some(role_in_words: str) -> str:
    """One of that role, whose name is not told: "a doctor", "an auditor"."""
    if role_in_words in _PROPER:
        return role_in_words
    return f"{'an' if role_in_words[:1] in 'aeiou' else 'a'} {role_in_words}"


def role(name: str) -> str:
    return ROLES.get(name, name)
