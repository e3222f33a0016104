"""Links that are sent by mail: good once, for one purpose, for some hours."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from storage.accounts.row import AccountRow, AccountStatus, LinkPurpose, LinkRow
from web.accounts import opaque
from web.accounts.errors import link_ended
from web.accounts.parts import Parts

# Within a day, of one purpose: for what one network asks (or to one new address), and in all, as
# long as one of them is out. Somebody who asks again for a letter that got lost does so once or
# twice; three networks that go on and on are not that.
MOST_ALIKE: Final = 3
MOST: Final = 9
# Whoever asks and is sent nothing has a link in the mailbox that is good for this long yet: time
# to fetch the letter. Of those that are good for an hour, one is sent every 50 minutes at most.
STILL_GOOD_S: Final = 600.0


async def make(
    parts: Parts,
    account_id: str,
    purpose: LinkPurpose,
    valid_s: float,
    payload: bytes = b"",
    *,
    counted_as: str | None = None,
) -> str:
    """The address of a new one; inside the transaction of the letter that it goes with.
    `counted_as`: for `enough`."""
    token, now = opaque.new_token(), parts.now
    row = LinkRow(
        account_id=account_id,
        purpose=purpose,
        payload=payload,
        expires_at=now + timedelta(seconds=valid_s),
    )
    await parts.store.accounts.add_link(token, row, now, counted_as)
    return parts.link(purpose, token)


async def enough(parts: Parts, account_id: str, purpose: LinkPurpose, counted_as: str) -> bool:
    """Whether the mailbox was sent enough of these for now: one that can be used is there, and no
    further letter is written for this. Inside a transaction that has the account locked.

    So nobody floods a mailbox, and nobody keeps its owner from a link by asking for many: one is
    out, or one is sent. What one network asks for leaves room for what the owner does from theirs.
    """
    now = parts.now
    made = await parts.store.accounts.links_made(
        account_id, purpose, counted_as, now, now + timedelta(seconds=STILL_GOOD_S)
    )
    return made.live and (made.alike >= MOST_ALIKE or made.all >= MOST)


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
