"""Who may do what: one table, read against facts. No lookups, no defaults that let somebody in.

Asked at the doors (controllers, sockets: may this principal subscribe?) and again by each
decision (may this sender cancel this?), and asked again when the facts change: a crew that was
released is no crew any more.

Staff are ops and admin. `system` is the runtime and other entities; no token is ever issued for
it. Where a row names it, internal messages and the simulator may act too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from actors.domain.kernel import DomainError, Sender


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of the thing that is acted on; what is not known matches nobody.

    `family`: subjects of the accounts that act for the patient. `crew`: paramedics that are
    assigned right now.
    """

    patient_id: str | None = None
    family: tuple[str, ...] = ()
    crew: tuple[str, ...] = ()
    paramedic_id: str | None = None
    doctor_id: str | None = None


NOTHING_KNOWN = Facts()

# How a principal can stand to the thing.
RELATIONS: Mapping[str, Callable[[Sender, Facts], bool]] = {
    "system": lambda who, _: who.role == "system",
    "admin": lambda who, _: who.role == "admin",
    "staff": lambda who, _: who.role in ("ops", "admin"),
    "any patient": lambda who, _: who.role == "patient",
    "any paramedic": lambda who, _: who.role == "paramedic",
    "any doctor": lambda who, _: who.role == "doctor",
    "patient": lambda who, f: who.role == "patient" and who.subject == f.patient_id,
    "family": lambda who, f: who.role == "patient" and who.subject in f.family,
    "crew": lambda who, f: who.role == "paramedic" and who.subject in f.crew,
    "paramedic": lambda who, f: who.role == "paramedic" and who.subject == f.paramedic_id,
    "doctor": lambda who, f: who.role == "doctor" and who.subject == f.doctor_id,
}

# action -> the relations of which one must hold. An action that is not here is nobody's.
RULES: Mapping[str, tuple[str, ...]] = {
    "patient.create": ("staff", "system"),
    "patient.list": ("staff",),
    "patient.view": ("patient", "family", "crew", "staff"),
    "patient.update": ("patient", "family", "staff"),
    "patient.delete": ("admin",),
    "emergency.raise": ("patient", "family", "staff", "system"),
    "emergency.list": ("staff",),
    "emergency.view": ("patient", "family", "crew", "staff", "system"),
    "emergency.cancel": ("patient", "family", "staff", "system"),
    "emergency.override_priority": ("staff",),
    "paramedic.register": ("staff", "system"),
    "paramedic.list": ("staff",),
    "paramedic.view": ("paramedic", "staff", "system"),
    "paramedic.update": ("staff", "system"),
    "paramedic.retire": ("staff", "system"),
    "paramedic.shift": ("paramedic", "staff", "system"),
    "paramedic.report_position": ("paramedic", "system"),
    "task.list": ("paramedic", "staff", "system"),
    "task.answer": ("paramedic", "system"),
    "task.progress": ("paramedic", "system"),
    "task.hand_back": ("paramedic", "staff", "system"),
    "task.withdraw": ("staff", "system"),
    "doctor.register": ("staff", "system"),
    "doctor.list": ("any patient", "any paramedic", "any doctor", "staff"),
    "doctor.view": ("doctor", "staff", "system"),
    "doctor.view_availability": ("any patient", "any paramedic", "any doctor", "staff", "system"),
    "doctor.update": ("doctor", "staff", "system"),
    "doctor.retire": ("staff", "system"),
    "doctor.shift": ("doctor", "staff", "system"),
    "doctor.request_consultation": ("patient", "family", "staff", "system"),
    "doctor.withdraw_request": ("patient", "family", "staff", "system"),
    "dispatcher.view": ("staff", "system"),
    "dispatcher.message": ("system",),
    "emergency.message": ("system",),
    "paramedic.message": ("system",),
    "subscribe.emergency": ("patient", "family", "crew", "staff"),
    "subscribe.track": ("patient", "family", "crew", "staff"),
    "subscribe.device": ("paramedic",),
    "subscribe.inbox": ("doctor",),
    "subscribe.fleet": ("staff",),
    "subscribe.ops": ("staff",),
}


def may(principal: Sender, action: str, facts: Facts = NOTHING_KNOWN) -> bool:
    """Whether the table lets `principal` do `action` to a thing of which `facts` are known."""
    return any(RELATIONS[relation](principal, facts) for relation in RULES.get(action, ()))


def require(principal: Sender, action: str, facts: Facts = NOTHING_KNOWN) -> None:
    """Raises DomainError `forbidden` unless `may`. Says what was tried, not what exists."""
    if not may(principal, action, facts):
        raise DomainError("forbidden", f"{principal.role} may not do {action} here")


def channel_facts(
    channel: str, patient_id: str | None = None, crew: tuple[str, ...] = ()
) -> tuple[str, Facts]:
    """The action and facts to ask `may` with for a subscription to `channel`.

    Facts that the channel's name itself carries (whose device, whose inbox) are filled in; those
    of the emergency behind `emergency:` and `track:` are the caller's to know.
    """
    namespace, _, subject = channel.partition(":")
    match namespace:
        case "device":
            facts = Facts(paramedic_id=subject)
        case "inbox":
            facts = Facts(doctor_id=subject)
        case _:
            facts = Facts(patient_id=patient_id, crew=crew)
    return f"subscribe.{namespace}", facts


def table() -> str:
    """The rules as a Markdown table."""
    rows = [f"| `{action}` | {', '.join(relations)} |" for action, relations in RULES.items()]
    return "\n".join(["| action | who |", "| --- | --- |", *rows]) + "\n"
