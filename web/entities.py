"""Entities, asked on a caller's behalf, with their answers as Structs."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from actors.courier import Courier
from actors.domain.kernel import Command, DomainError, EntityRef, Sender
from actors.domain.registry import KINDS
from actors.errors import RuntimeFault
from actors.ports import OutboxRow
from actors.router import Router
from web.audit.draft import withheld
from web.problems import not_visible

A = TypeVar("A", bound=Struct)

# Reads for what a caller may see by the route's own rule (a public card, a list for staff).
READER: Final = Sender("system", "rest")
# A message that is not handled by then is left to the sweep of its shard.
BRING_TIMEOUT_S: Final = 3.0

# The entity's own check of the caller, and its being unknown, are one answer at the edge: callers
# whose role could never do it were turned away before (auth.gate).
_NOT_VISIBLE: Final = frozenset({"forbidden", "not_found"})


def _urgent(ref: EntityRef) -> bool:
    """Whether its kind has the emergency lane (actors.domain.kernel.Behaviour)."""
    return KINDS[ref.kind].urgent


class Entities:
    """The router as controllers need it."""

    def __init__(self, router: Router, timeout_s: float) -> None:
        self._router = router
        self._timeout_s = timeout_s

    async def ask(
        self,
        ref: EntityRef,
        command: Command,
        answer: type[A],
        *,
        by: Sender,
        id_: str,
        said: Struct | None = None,
    ) -> A:
        """What the entity answers to a command, once it is durable. `said`: as in `Router.ask`.

        Raises ProblemError where the entity is not there for this caller, DomainError where it
        refuses, and what `Router.ask` raises.
        """
        asked = self._router.ask(
            ref, command, id=id_, by=by, timeout_s=self._timeout_s, urgent=_urgent(ref), said=said
        )
        return await self._answer(ref, asked, answer)

    async def refuse(
        self,
        ref: EntityRef,
        said: Struct,
        error: DomainError,
        answer: type[A],
        *,
        by: Sender,
        id_: str,
    ) -> A:
        """What a repeat was answered first; else raises `error`. See `Router.refuse`."""
        refused = self._router.refuse(
            ref, said, error, id=id_, by=by, timeout_s=self._timeout_s, urgent=_urgent(ref)
        )
        return await self._answer(ref, refused, answer)

    async def _answer(self, ref: EntityRef, asked: Awaitable[bytes], answer: type[A]) -> A:
        try:
            body = await asked
        except DomainError as error:
            if error.code in _NOT_VISIBLE:
                withheld(error.code)
                raise not_visible(ref.kind) from None
            raise
        return msgspec.json.decode(body, type=answer)

    async def read(self, ref: EntityRef, command: Command, answer: type[A], *, by: Sender) -> A:
        """What a reading command shows. Raises as `ask` does; nothing of it is stored."""
        view = await self.view(ref, command, answer, by=by)
        if view is None:
            raise not_visible(ref.kind)
        return view

    async def view(
        self, ref: EntityRef, command: Command, answer: type[A], *, by: Sender = READER
    ) -> A | None:
        """What a reading command shows, or None where the entity is not there for `by`."""
        try:
            body = await self._router.read(
                ref, command, by=by, timeout_s=self._timeout_s, urgent=_urgent(ref)
            )
        except DomainError as error:
            if error.code in _NOT_VISIBLE:
                withheld(error.code)
                return None
            raise
        return msgspec.json.decode(body, type=answer)

    async def bring(self, message: OutboxRow) -> None:
        """Take a committed message to its entity now, so that the caller finds it done.

        Only a shortcut: should it fail, the entity's shard finds the message in the outbox.
        """
        try:
            await self._router.forward(
                Courier.envelope(message), min(BRING_TIMEOUT_S, self._timeout_s)
            )
        except RuntimeFault:
            return
