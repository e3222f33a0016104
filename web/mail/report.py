"""What `maxray status` says of the mail."""

from __future__ import annotations

from msgspec import Struct

from config import Settings
from storage.mail import read_counts
from storage.records import RecordsUnavailable


class MailReport(Struct, frozen=True):
    """Messages that wait to be sent, and those of the last month that were given up.

    `oldest_s`: how long the first of them has waited. `failure`: what the last attempt at it met,
    else why the last one was given up.
    """

    queued: int
    dead: int
    oldest_s: float | None = None
    failure: str = ""


async def mail_report(settings: Settings | None, now: float) -> MailReport | None:
    """None while the outbox cannot be asked; what is wrong then shows elsewhere."""
    if settings is None or settings.database_url is None:
        return None
    try:
        counts = await read_counts(settings.database_url.reveal())
    except RecordsUnavailable:
        return None
    oldest_s = None if counts.oldest_at is None else round(now - counts.oldest_at, 1)
    return MailReport(counts.queued, counts.dead, oldest_s, counts.failure)


def mail_line(report: MailReport) -> str:
    """For people."""
    line = f"mail: {report.queued} waiting"
    if report.oldest_s is not None:
        line += f", the first for {report.oldest_s:.0f} s"
    if report.dead:
        line += f"; {report.dead} could not be sent"
    return f"{line} ({report.failure})" if report.failure else line
