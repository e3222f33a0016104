"""Links that are sent by mail: good once, for one purpose, for some hours."""

from __future__ import annotations

from datetime import timedelta

from storage.accounts.row import AccountRow, AccountStatus, LinkPurpose, LinkRow
from web.accounts import opaque
from web.accounts.errors import link_ended
from web.accounts.parts import Parts


async def make(
    parts: Parts, account_id: str, purpose: LinkPurpose, valid_s: float, payload: bytes = b""
) -> str:
    """The address of a new one; inside the transaction of the letter that it goes with."""
    token, now = opaque.new_token(), parts.now
    row = LinkRow(
        account_id=account_id,
        purpose=purpose,
        payload=payload,
        expires_at=now + timedelta(seconds=valid_s),
    )
    await parts.store.accounts.add_link(token, row, now)
    return parts.link(purpose, token)


async def follow(
    parts: Parts, token: str, purpose: LinkPurpose, status: AccountStatus
) -> tuple[LinkRow, AccountRow]:
    """What it was sent for, and the account, which is in this status. Answers 410. `use` it up in
    the transaction of what it leads to."""
    link = await parts.store.accounts.link(token, purpose, parts.now)
    if link is None:
        raise link_ended()
    account = await parts.store.accounts.by_id(link.account_id)
    if account is None or account.status != status:
        raise link_ended()
    return link, account


async def use(parts: Parts, token: str) -> None:
    """Answers 410 where somebody else just did."""
    if not await parts.store.accounts.use_link(token):
        raise link_ended()
