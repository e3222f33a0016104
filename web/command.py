"""A route that gives an entity a command, and answers with the entity as it is then."""

from __future__ import annotations

from litestar import post

from web.audit.route import COMMAND
from web.openapi import PROBLEMS


def command(path: str, *, summary: str) -> post:
    """POST. 200: what it changes is there already; nothing is created."""
    return post(path, status_code=200, responses=PROBLEMS, summary=summary, opt=COMMAND)
