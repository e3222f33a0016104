"""Who may do what: one table, read against facts. No lookups, no defaults that let somebody in.

Asked at the doors (controllers, sockets: may this principal subscribe?) and again by each
decision (may this sender cancel this?), and asked again when the facts change: a crew that was
released is no crew any more, and a relationship that has ended (relationship.py) is none.

Staff are ops and admin. `system` is the runtime and other entities; no token is ever issued for
it. Where a row names it, internal messages and the simulator may act too.

The family (a patient's account that acts for another) may do what the patient may, but not let
others in: only the patient does that, or the guardian who made a child's profile. Nobody of it may
delete the record.

Breaking the glass is for those who treat and would else see nothing: doctors and paramedics. It
shows the record and the emergencies, and lets nobody change anything. Staff see records anyway,
each look audited; auditors see the audit and never a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from actors.domain.kernel import DomainError, Role, Sender, Tie, TieKind
from actors.domain.relationship import FAMILY

# Whoever a token can be issued for.
PRINCIPALS: Final[tuple[Role, ...]] = ("patient", "paramedic", "doctor", "ops", "admin", "auditor")


class Facts(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of the thing that is acted on; what is not known matches nobody.

    `crew`: paramedics that are assigned right now. `manager`: the account that a family link, or
    the invitation to one, is for.
    """

    patient_id: str | None = None
    crew: tuple[str, ...] = ()
    paramedic_id: str | None = None
    doctor_id: str | None = None
    manager: str | None = None


NOTHING_KNOWN = Facts()


@dataclass(frozen=True, slots=True)
class Relation:
    """How a principal of one of these `roles` can stand to a thing. `says`: in the papers.

    `whole`: by the role alone, whatever the thing is.
    """

    roles: tuple[Role, ...]
    says: str
    holds: Callable[[Sender, Facts], bool]
    whole: bool = False

    def __call__(self, who: Sender, facts: Facts) -> bool:
        return who.role in self.roles and self.holds(who, facts)


def _whole(*roles: Role) -> Relation:
    return Relation(roles, "all", lambda _who, _facts: True, whole=True)


def _tied(roles: tuple[Role, ...], says: str, kinds: tuple[TieKind, ...]) -> Relation:
    def holds(who: Sender, facts: Facts) -> bool:
        of = facts.patient_id
        return of is not None and any(Tie(kind, of) in who.ties for kind in kinds)

    return Relation(roles, says, holds)


def _own(role: Role, of: Callable[[Facts], str | None], says: str = "own") -> Relation:
    return Relation((role,), says, lambda who, facts: who.subject == of(facts))


RELATIONS: Final[Mapping[str, Relation]] = {
    "system": _whole("system"),
    "admin": _whole("admin"),
    "auditor": _whole("auditor"),
    "staff": _whole("ops", "admin"),
    "anyone": _whole(*PRINCIPALS),
    "any patient": _whole("patient"),
    "any paramedic": _whole("paramedic"),
    "any doctor": _whole("doctor"),
    "patient": _own("patient", lambda facts: facts.patient_id),
    "family": _tied(("patient",), "family", FAMILY),
    "guardian": _tied(("patient",), "guardian", ("guardian",)),
    "manager": _own("patient", lambda facts: facts.manager, "own link"),
    "crew": Relation(("paramedic",), "crew", lambda who, facts: who.subject in facts.crew),
    "paramedic": _own("paramedic", lambda facts: facts.paramedic_id),
    "doctor": _own("doctor", lambda facts: facts.doctor_id),
    "consultation": _tied(("doctor",), "consultation", ("consultation",)),
    "break-glass": _tied(("doctor", "paramedic"), "break-glass", ("break_glass",)),
}

_SEES: Final = ("patient", "family", "crew", "consultation", "break-glass", "staff")

# resource.action -> the relations of which one must hold. What is not here is nobody's.
RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "patient.create": ("staff", "system"),
    "patient.list": ("staff",),
    "patient.view": _SEES,
    "patient.history": _SEES,
    "patient.update": ("patient", "family", "staff"),
    "patient.delete": ("admin",),
    "patient.access_log": ("patient", "guardian", "auditor"),
    "patient.break_glass": ("any doctor", "any paramedic"),
    "patient.close_break_glass": ("break-glass",),
    "break_glass.list": ("admin", "auditor"),
    "break_glass.review": ("admin", "auditor"),
    "family.list": ("patient", "family", "admin"),
    "family.list_own": ("any patient",),
    "family.create_child": ("any patient",),
    "family.invite": ("patient", "guardian"),
    "family.accept": ("manager",),
    "family.end": ("patient", "guardian", "manager", "admin"),
    "emergency.raise": ("patient", "family", "staff", "system"),
    "emergency.take_over": ("system",),
    "emergency.list": ("staff",),
    "emergency.view": (*_SEES, "system"),
    "emergency.cancel": ("patient", "family", "staff", "system"),
    "emergency.override_priority": ("staff",),
    "emergency.hold": ("staff",),
    "emergency.release": ("staff",),
    "emergency.stage": ("staff",),
    "emergency.order_units": ("staff",),
    "emergency.merge": ("staff",),
    "emergency.why": ("staff",),
    "triage.view": ("anyone",),
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
    "hospital.register": ("staff", "system"),
    "hospital.list": ("any paramedic", "any doctor", "staff"),
    "hospital.view": ("any paramedic", "any doctor", "staff", "system"),
    "hospital.suggest": ("paramedic", "staff"),
    "hospital.update": ("staff", "system"),
    "hospital.report_load": ("staff", "system"),
    "hospital.retire": ("staff", "system"),
    "hospital.message": ("system",),
    "station.create": ("staff",),
    "station.list": ("any paramedic", "staff"),
    "station.view": ("any paramedic", "staff"),
    "station.update": ("staff",),
    "station.delete": ("staff",),
    "shift.plan": ("staff", "system"),
    "shift.list": ("staff",),
    "shift.view": ("staff",),
    "shift.cancel": ("staff",),
    "shift.message": ("system",),
    "roster.view": ("staff",),
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
    "dispatcher.assign": ("staff",),
    "dispatcher.message": ("system",),
    "emergency.message": ("system",),
    "paramedic.message": ("system",),
    "audit.list": ("auditor", "admin"),
    "account.own": ("anyone",),
    "account.invite": ("admin",),
    "account.list": ("admin",),
    "account.disable": ("admin",),
    "token.issue": ("admin",),
    "metrics.view": ("staff",),
    "subscribe.emergency": ("patient", "family", "crew", "break-glass", "staff"),
    "subscribe.track": ("patient", "family", "crew", "break-glass", "staff"),
    "subscribe.patient": ("patient", "family"),
    "subscribe.device": ("paramedic",),
    "subscribe.inbox": ("doctor",),
    "subscribe.fleet": ("staff",),
    "subscribe.ops": ("staff",),
}


# Who may by the role alone, whatever the thing is: most of what entities say to each other.
_WHOLLY: Final = frozenset(
    (role, action)
    for action, relations in RULES.items()
    for relation in relations
    if RELATIONS[relation].whole
    for role in RELATIONS[relation].roles
)


def may(principal: Sender, action: str, facts: Facts = NOTHING_KNOWN) -> bool:
    """Whether the table lets `principal` do `action` to a thing of which `facts` are known."""
    return (principal.role, action) in _WHOLLY or any(
        RELATIONS[relation](principal, facts) for relation in RULES.get(action, ())
    )


def could(role: Role, action: str) -> bool:
    """Whether there can be something that some principal of this role may do `action` to."""
    return any(role in RELATIONS[relation].roles for relation in RULES.get(action, ()))


def by_role_alone(role: Role, action: str) -> bool:
    """Whether every principal of this role may do `action` to everything: no fact is asked for."""
    return (role, action) in _WHOLLY


def roles_of(action: str) -> frozenset[Role]:
    """Whose every principal may do `action` to everything. For who is asked at each message, and
    asks `require` about all others."""
    return frozenset(role for role, of in _WHOLLY if of == action)


def require(principal: Sender, action: str, facts: Facts = NOTHING_KNOWN) -> None:
    """Raises DomainError `forbidden` unless `may`. Says what was tried, not what exists."""
    if (principal.role, action) not in _WHOLLY and not may(principal, action, facts):
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
        case "patient":
            facts = Facts(patient_id=subject)
        case _:
            facts = Facts(patient_id=patient_id, crew=crew)
    return f"subscribe.{namespace}", facts


# The family manager is no role: it is a patient's account, as it stands to those it acts for.
_AS_FAMILY: Final = ("family", "guardian", "manager")
_COLUMNS: Final[tuple[tuple[str, Role], ...]] = (
    ("patient", "patient"),
    ("family manager", "patient"),
    ("paramedic", "paramedic"),
    ("doctor", "doctor"),
    ("ops (dispatcher)", "ops"),
    ("admin", "admin"),
    ("auditor", "auditor"),
)


def table() -> str:
    """The rules as a Markdown table: what each role may do to which resource, and to which ones.

    What only `system` does is left out: no caller ever can.
    """
    titles = ["resource", "action", *(title for title, _ in _COLUMNS)]
    rows = [" | ".join(titles), " | ".join(["---"] * len(titles))]
    for rule, relations in RULES.items():
        if any(could(role, rule) for role in PRINCIPALS):
            resource, _, action = rule.partition(".")
            cells = [_cell(title, role, relations) for title, role in _COLUMNS]
            rows.append(" | ".join([resource, f"`{action}`", *cells]))
    return "\n".join(f"| {row} |" for row in rows) + "\n"


def _cell(title: str, role: Role, relations: tuple[str, ...]) -> str:
    """What one role may: `all` of them, or those that it stands to in one of these ways."""
    names = [name for name in relations if role in RELATIONS[name].roles]
    if any(RELATIONS[name].whole for name in names):
        return "all"
    if role == "patient":
        names = [name for name in names if (name in _AS_FAMILY) == (title != "patient")]
    return ", ".join(dict.fromkeys(RELATIONS[name].says for name in names)) or "—"
