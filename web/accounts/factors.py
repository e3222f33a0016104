"""Second factors: what an account may be asked for beside its password.

Each kind is a `SecondFactor`; login.py asks them all whether an account has them, and calls that
one's `passes` which a proof is for. A kind that takes more than one request (passkeys: a challenge
first) has controllers of its own, and ends with `Login.passed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from actors.ports import Clock
from storage.accounts import AccountStore
from storage.accounts.row import AccountRow
from web.accounts import recovery, totp
from web.times import moment

# RFC 8176: a password; a one-time code; more than one factor.
PASSWORD: Final = "pwd"  # noqa: S105 - the method's name
ONE_TIME: Final = "otp"
SEVERAL: Final = "mfa"


class SecondFactor(Protocol):
    name: str
    amr: tuple[str, ...]

    async def has(self, account: AccountRow) -> bool:
        """Whether the account has it."""
        ...

    async def passes(self, account: AccountRow, proof: str) -> bool:
        """Whether the proof is right; then it is used up, and the next time it is not."""
        ...


class TotpFactor:
    """A code of the authenticator app."""

    name: str = "totp"
    amr: tuple[str, ...] = (ONE_TIME, SEVERAL)

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def has(self, account: AccountRow) -> bool:
        return account.totp is not None

    async def passes(self, account: AccountRow, proof: str) -> bool:
        if account.totp is None:
            return False
        step = totp.step_of(account.totp, proof, self._clock.now())
        return step is not None and await self._store.accounts.take_step(account.id, step)


class RecoveryFactor:
    """One of the ten codes that were printed. Nobody has these alone: they come with another."""

    name: str = "recovery_code"
    amr: tuple[str, ...] = (ONE_TIME, SEVERAL)

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def has(self, account: AccountRow) -> bool:
        return False

    async def passes(self, account: AccountRow, proof: str) -> bool:
        now = moment(self._clock.now())
        return await self._store.accounts.use_code(account.id, recovery.canonical(proof), now)


class Factors:
    """All kinds, by name."""

    def __init__(self, factors: Sequence[SecondFactor]) -> None:
        self._by_name = {factor.name: factor for factor in factors}

    def add(self, factor: SecondFactor) -> None:
        self._by_name[factor.name] = factor

    def get(self, name: str) -> SecondFactor | None:
        return self._by_name.get(name)

    async def of(self, account: AccountRow) -> tuple[str, ...]:
        """What may be asked of this account; () where it has no second factor."""
        has = [name for name, factor in self._by_name.items() if await factor.has(account)]
        return (*has, RecoveryFactor.name) if has else ()
