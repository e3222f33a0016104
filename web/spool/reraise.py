"""One spooled emergency, given to its entity again: what came of it."""

from __future__ import annotations

from typing import Final

from actors.domain.kernel import DomainError, Sender
from actors.errors import BadCommand
from storage.records import KeyReused, NoSuchRecord
from storage.spool import Spooled
from web.emergencies.service import EmergencyService, Made
from web.problems import ProblemError
from web.spool.away import within
from web.spool.store import SpoolStore

# For one attempt; another follows.
ATTEMPT_S: Final = 8.0


class Reraise:
    """The straight way, under the command's own id, so that whatever an earlier attempt had done
    already is not done twice."""

    def __init__(self, emergencies: EmergencyService, store: SpoolStore) -> None:
        self._emergencies = emergencies
        self._store = store

    async def __call__(self, spooled: Spooled) -> str | None:
        """None: it is raised. Else why it never can be, as a problem's slug.

        Raises one of `AWAY` where it is too early to say.
        """
        call = self._store.call(spooled)
        if call is None:
            return "unreadable"
        caller = Sender(call.role, call.subject)
        made = Made(spooled.emergency_id, spooled.at)
        id_ = spooled.command_id
        raising = self._emergencies.raise_(caller, call.patient_id, call.body, id_, made)
        try:
            await within(ATTEMPT_S, raising)
        except ProblemError as error:
            return error.problem.type.rpartition("/")[2]
        except NoSuchRecord as error:
            return "gone" if error.deleted else "not-found"
        except KeyReused:
            return "idempotency-key-reused"
        except BadCommand:
            return "bad-command"
        except DomainError as error:
            # Longer ago than answers are kept: then it is its own earlier self that is in the way.
            raised = self._emergencies.was_raised(spooled.emergency_id, call.patient_id)
            return None if await within(ATTEMPT_S, raised) else error.code.replace("_", "-")
        return None
