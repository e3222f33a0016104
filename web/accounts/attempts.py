"""Which counters an attempt stands on, and the devices that are counted for themselves."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from typing import Final, Literal

from msgspec import Struct

from actors.ports import Clock
from storage.accounts.row import AccountRow
from storage.accounts.sealing import Sealer
from web.accounts import throttle
from web.accounts.errors import throttled
from web.accounts.origin import Origin
from web.accounts.throttle import Counter, Throttle

# What leads to a letter, and is counted for itself.
Requested = Literal["sign-up", "reset", "email"]

_NOBODY: Final = "nobody"


class Device(Struct, frozen=True):
    """What a device token names: `known` says that it is one of ours, for this account."""

    nonce: str
    known: bool


class Attempts:
    def __init__(self, counts: Throttle, sealer: Sealer, clock: Clock) -> None:
        self._counts = counts
        self._sealer = sealer
        self._clock = clock

    async def count(self, *counters: Counter | None) -> None:
        """Answers 429 where one of them is in a delay; else all have counted it."""
        wait = await self._counts.attempt(_present(counters), self._clock.now())
        if wait > 0:
            raise throttled(wait)

    async def forgive(self, *counters: Counter | None) -> None:
        await self._counts.forgive([counter.name for counter in _present(counters)])

    async def take_back(self, *counters: Counter | None) -> None:
        await self._counts.take_back([counter.name for counter in _present(counters)])

    def guesses(self, email: str, origin: Origin) -> Counter:
        """From one network, by the address that was typed, whether it has an account or not."""
        return self._counter("guesses", f"{origin.network} {email}", throttle.GUESSES)

    def account(self, email: str) -> Counter:
        """The same, from all networks together."""
        return self._counter("account", email, throttle.ACCOUNT)

    def confirming(self, account_id: str) -> Counter:
        """The password, by who holds an access token: strangers do not come here."""
        return self._counter("confirming", account_id, throttle.GUESSES)

    def device(self, device: Device) -> Counter:
        return self._counter("device", device.nonce, throttle.DEVICE)

    def factor(self, account_id: str) -> Counter:
        return self._counter("factor", account_id, throttle.FACTOR)

    def changes(self, account_id: str) -> Counter:
        return self._counter("changes", account_id, throttle.CHANGES)

    def address(self, origin: Origin) -> Counter | None:
        """None where the address is not known: all who come so are not to share one count."""
        return self._of_network("address", origin, throttle.ADDRESS)

    def requests(self, what: Requested, origin: Origin) -> Counter | None:
        return self._of_network(f"requests.{what}", origin, throttle.REQUESTS)

    def _of_network(self, kind: str, origin: Origin, rule: throttle.Rule) -> Counter | None:
        return self._counter(kind, origin.network, rule) if origin.network else None

    def _counter(self, kind: str, text: str, rule: throttle.Rule) -> Counter:
        return Counter(f"{kind}:{self._sealer.throttle_digest(kind, text).hex()}", rule)

    # Device tokens: `<nonce>.<keyed hash of account and nonce>`. Nothing of them is kept.

    def device_token(self, account: AccountRow) -> str:
        """For a device whose bearer has just shown to be the account's owner."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._proof(account.id, nonce)}"

    def device_of(self, account: AccountRow | None, token: str | None) -> Device:
        """The same work whether there is an account, or a token, or neither."""
        nonce, _, proof = (token or "").partition(".")
        expected = self._proof(account.id if account is not None else _NOBODY, nonce)
        same = hmac.compare_digest(expected.encode(), proof.encode())
        return Device(nonce, same and account is not None)

    def _proof(self, account_id: str, nonce: str) -> str:
        digest = self._sealer.device_digest(account_id, nonce)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _present(counters: tuple[Counter | None, ...]) -> list[Counter]:
    return [counter for counter in counters if counter is not None]
