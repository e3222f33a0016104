"""The trail as those see it who leave a line in it."""

from __future__ import annotations

from typing import Final, Protocol

from storage.audit.entry import AuditEntry

# A line given to `record` is durable within this time, or the trail takes no more until it is.
# Longer than a disk's or a loop's worst moment, shorter than callers wait for an answer.
FLUSH_WITHIN_S: Final = 5.0
# Lines that wait to be written, about 1 KB each.
MAX_PENDING: Final = 10_000


class AuditTrail(Protocol):
    """Append only. Lines of one writer stand in the order in which they were given."""

    def record(self, entry: AuditEntry) -> None:
        """Keep it; never waits. For what may be answered before its line is durable.

        Raises AuditUnavailable when the oldest line has waited longer than FLUSH_WITHIN_S, or
        MAX_PENDING wait: then what was to be audited must be refused.
        """
        ...

    async def record_now(self, entry: AuditEntry) -> None:
        """Returns once it is durable: for what must be in the trail before an answer leaves.

        Raises AuditUnavailable where that was not so within FLUSH_WITHIN_S. The line may be written
        later all the same: whoever was refused may appear as served, never the other way round.
        """
        ...

    def offer(self, entry: AuditEntry) -> None:
        """Keep it if possible; never raises. For what must not be refused for the trail's sake (a
        call for help, whose entity's commit holds a row anyway) or is refused already.

        What cannot be kept is counted, and the count becomes a line (`trail.missed`) once it can.
        """
        ...
