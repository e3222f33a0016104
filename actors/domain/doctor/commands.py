"""What can be asked of a doctor."""

from __future__ import annotations

from actors.domain.availability import Availability
from actors.domain.doctor.state import Specialties
from actors.domain.kernel import Command, Wake
from actors.domain.values import Id, Name, Note, Priority, Seconds


class RegisterDoctor(Command, frozen=True, kw_only=True):
    """A new doctor, off duty. `registration_number`: of the medical council."""

    name: Name
    specialties: Specialties
    registration_number: Name


class UpdateDoctor(Command, frozen=True, kw_only=True):
    """Change what is given, keep the rest."""

    name: Name | None = None
    specialties: Specialties | None = None
    registration_number: Name | None = None


class SetAvailability(Command, frozen=True, kw_only=True):
    """The whole plan, in place of the old one."""

    availability: Availability


class GoOnDuty(Command, frozen=True):
    """Available from now."""


class GoOffDuty(Command, frozen=True):
    """Off duty from now; the queue waits."""


class StepAway(Command, frozen=True):
    """Back soon."""


class Return(Command, frozen=True):
    """Back."""


class RequestConsultation(Command, frozen=True, kw_only=True):
    """A patient asks to be seen."""

    patient_id: Id
    priority: Priority
    reason: Note


class WithdrawRequest(Command, frozen=True, kw_only=True):
    """The patient does not ask any more."""

    request: Id
    reason: Note


class RetireDoctor(Command, frozen=True):
    """Never comes back. Not while patients wait."""


class ViewDoctor(Command, frozen=True):
    """Read the whole of it."""


class ViewAvailability(Command, frozen=True, kw_only=True):
    """Read the open windows in [from_s, to_s)."""

    from_s: Seconds
    to_s: Seconds


DoctorCommand = (
    RegisterDoctor
    | UpdateDoctor
    | SetAvailability
    | GoOnDuty
    | GoOffDuty
    | StepAway
    | Return
    | RequestConsultation
    | WithdrawRequest
    | RetireDoctor
    | ViewDoctor
    | ViewAvailability
    | Wake
)
