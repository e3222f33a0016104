"""The audit trail at the doors: a line for every request, and the routes that show the trail."""

from web.audit.draft import audited
from web.audit.route import COMMAND, unaudited

__all__ = ["COMMAND", "audited", "unaudited"]
