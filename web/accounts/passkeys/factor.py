"""Passkeys as a second factor."""

from __future__ import annotations

from typing import Final

from storage.accounts import AccountStore
from storage.accounts.passkey_row import PasskeyRow
from storage.accounts.row import AccountRow
from web.accounts.factors import SEVERAL

NAME: Final = "passkey"
# RFC 8176: proof of a key in hardware, or in software; that somebody was there to use it.
HARDWARE: Final = "hwk"
SOFTWARE: Final = "swk"
USER: Final = "user"


def amr_of(passkey: PasskeyRow) -> tuple[str, ...]:
    """How its bearer was authenticated: something they have, unlocked by what they know or are."""
    return (SOFTWARE if passkey.synced else HARDWARE, USER, SEVERAL)


class PasskeyFactor:
    """`web.accounts.factors.SecondFactor`. It takes a challenge first, so `login.py` in this folder
    is the way to finish a login with it, and no text is ever its proof."""

    name: str = NAME
    amr: tuple[str, ...] = (SOFTWARE, USER, SEVERAL)

    def __init__(self, store: AccountStore) -> None:
        self._store = store

    async def has(self, account: AccountRow) -> bool:
        return await self._store.passkeys.count(account.id) > 0

    async def passes(self, account: AccountRow, proof: str) -> bool:
        return False
