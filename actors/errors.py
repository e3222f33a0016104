"""What can go wrong between a caller and an entity, apart from its own refusal (DomainError).

RuntimeFault
├── Retryable           nothing is known to have happened; the same command id may be sent again
│   ├── Busy            a bound was reached (mailbox, lane, pending calls)
│   ├── Unavailable     the shard or its database is out of reach
│   └── WrongShard      the slot lives elsewhere (a shard was replaced)
├── DeadlineExceeded    the caller's time is over; the outcome is unknown, the id may be sent again
├── CommandIdReused     the id was used before for a different command
└── BadCommand          not a command of this kind of entity, or malformed
"""

from __future__ import annotations


class RuntimeFault(Exception):
    """Base of the runtime's errors."""


class Retryable(RuntimeFault):
    """Send the same command with the same id again; a repeat of something done changes nothing."""


class Busy(Retryable):
    """A bounded queue is full. Back off and retry."""


class Unavailable(Retryable):
    """The shard, or the database behind it, could not be reached, or the outcome is not known."""


class WrongShard(Retryable):
    """The shard asked does not own the entity's slot (any more)."""


class DeadlineExceeded(RuntimeFault):
    """No answer before the caller's deadline. The outcome is unknown: retry with the same id."""


class CommandIdReused(RuntimeFault):
    """This id already named another command to this entity; an id names one command for ever."""


class BadCommand(RuntimeFault):
    """The kind knows no such command, or a field is missing or of the wrong type."""
