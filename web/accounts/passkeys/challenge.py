"""Challenges: given out by us, for one purpose, good once, for some minutes.

A challenge carries its own proof, so that giving one out costs no row: whoever asks for a million
of them has cost us nothing. Only those that come back are kept, as long as they would be good.

    16 bytes   random
    8 bytes    when it ends, Unix milliseconds, big-endian
    16 bytes   keyed hash of both, of the purpose, and of whom it is bound to
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final, Literal

from actors.ports import Clock
from storage.accounts import AccountStore
from web.accounts.passkeys.ceremony import VALID_S, Refused, challenge_of
from web.times import moment

Purpose = Literal["register", "login", "second-factor"]

_NONCE: Final = 16
_HEAD: Final = _NONCE + 8


class Challenges:
    """Raises RecordsUnavailable."""

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def issue(self, purpose: Purpose, bound_to: str) -> bytes:
        """`bound_to`: whose answer will be taken, such as a session's id; "" for anybody's."""
        ends_ms = int((self._clock.now() + VALID_S) * 1000)
        head = secrets.token_bytes(_NONCE) + ends_ms.to_bytes(8)
        return head + self._proof(head, purpose, bound_to)

    async def answered(self, client_data_json: str, purpose: Purpose, bound_to: str) -> bytes:
        """The challenge that this answers, taken. Raises Refused."""
        challenge = challenge_of(client_data_json)
        if not await self.take(challenge, purpose, bound_to):
            raise Refused("passkey-challenge")
        return challenge

    async def take(self, challenge: bytes, purpose: Purpose, bound_to: str) -> bool:
        """Whether it is one of ours, for this, and neither over nor used. Then it is used, whatever
        becomes of the answer that it came with."""
        head, proof = challenge[:_HEAD], challenge[_HEAD:]
        if not hmac.compare_digest(proof, self._proof(head, purpose, bound_to)):
            return False
        ends = int.from_bytes(head[_NONCE:]) / 1000
        if self._clock.now() >= ends:
            return False
        return await self._store.passkeys.use_challenge(challenge, moment(ends))

    def _proof(self, head: bytes, purpose: Purpose, bound_to: str) -> bytes:
        return self._store.sealer.challenge_digest(f"{purpose}:{bound_to}:{head.hex()}")
