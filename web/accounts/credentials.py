"""What an account is opened with, changed: the password, forgotten or not, and the address."""

from __future__ import annotations

from msgspec.structs import replace

from storage.accounts.accounts import AddressTaken
from storage.accounts.row import AccountRow
from web.accounts.address import canonical, checked
from web.accounts.errors import invalid_credentials, link_ended, weak_password
from web.accounts.letters import CHANGE_VALID_S, RESET_VALID_S, EmailChangeAsked, ResetAsked
from web.accounts.link import follow, use
from web.accounts.origin import Origin
from web.accounts.parts import Parts, mail_id
from web.accounts.session_service import Sessions
from web.accounts.strength import weakness
from web.mail.letter import EmailChanged, SecurityChanged


class Credentials:
    """Raises RecordsUnavailable, AuditUnavailable and Busy."""

    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        self._parts = parts
        self._store = parts.store
        self._sessions = sessions

    async def confirm(self, account: AccountRow, password: str, origin: Origin) -> None:
        """Whoever holds the session's token is its owner still. Answers 401, throttled as a login:
        a stolen token must not become a way to guess the password."""
        attempts = self._parts.attempts
        counted = (attempts.confirming(account.id), attempts.address(origin))
        await attempts.count(*counted)
        if not await self._parts.passwords.verify(account.password, password):
            await self._parts.trail.record(
                "account.confirm", origin, account, outcome="denied", reason="wrong-password"
            )
            raise invalid_credentials()
        await attempts.forgive(counted[0])
        await attempts.take_back(counted[1])

    async def strong(self, password: str, account: AccountRow) -> None:
        """Answers 422 for one that is guessed too soon."""
        about = (account.email,)
        if why := await self._parts.passwords.aside(lambda: weakness(password, about)):
            raise weak_password(why)

    # The password.

    async def change_password(
        self, account: AccountRow, current: str, new: str, session_id: str, origin: Origin
    ) -> None:
        """All other sessions end."""
        await self.confirm(account, current, origin)
        await self._set_password(account, new, "account.change_password", origin, session_id)

    async def ask_reset(self, email: str, command_id: str, origin: Origin) -> None:
        """A link to the mailbox, if there is an account. Neither the answer nor what is done until
        then says anything of that."""
        email = canonical(email)
        attempts = self._parts.attempts
        await attempts.count(attempts.requests("reset", origin))
        asked = ResetAsked(email=email, address=origin.address, request_id=origin.request_id)
        await self._parts.trail.record("account.ask_reset", origin, None)
        mailer, id_ = self._parts.mailer, mail_id(command_id)
        await mailer.ask(asked, mail_id=id_, valid_s=RESET_VALID_S)

    async def reset(self, token: str, password: str, origin: Origin) -> AccountRow:
        """With the link of the letter. All sessions end; a second factor is asked for as before.
        Answers 410."""
        _, account = await follow(self._parts, token, "reset", "active")
        await self._set_password(account, password, "account.reset_password", origin, None, token)
        # Who reads the mailbox is its owner: let in also while strangers keep the counters up.
        attempts, email = self._parts.attempts, account.email
        await attempts.forgive(attempts.guesses(email, origin), attempts.account(email))
        return account

    async def _set_password(
        self,
        account: AccountRow,
        password: str,
        action: str,
        origin: Origin,
        session_id: str | None,
        link: str | None = None,
    ) -> None:
        await self.strong(password, account)
        new = replace(
            account, password=await self._parts.passwords.hash(password), updated_at=self._parts.now
        )
        await self._parts.trail.record(action, origin, account)
        async with self._store.transaction():
            if link is not None:
                await use(self._parts, link)
            if not await self._store.accounts.change(new, "active", "password", "updated_at"):
                raise invalid_credentials()
            await self._store.accounts.drop_links(account.id, ("reset",))
            await self._sessions.end_all(
                account, "password_changed", origin=origin, except_id=session_id
            )
            letter = SecurityChanged(change="password", at=self._parts.clock.now())
            await self._parts.mailer.queue(account.email, letter)

    # The address.

    async def ask_email(
        self, account: AccountRow, password: str, email: str, command_id: str, origin: Origin
    ) -> None:
        """A link to the new address, word to the old one. An address that has an account is sent
        something else, and the answer is the same."""
        email = checked(email)
        await self.confirm(account, password, origin)
        attempts = self._parts.attempts
        await attempts.count(attempts.changes(account.id), attempts.requests("email", origin))
        asked = EmailChangeAsked(
            account_id=account.id,
            email=email,
            at=self._parts.clock.now(),
            address=origin.address,
            request_id=origin.request_id,
        )
        await self._parts.trail.record("account.ask_email", origin, account)
        mailer, id_ = self._parts.mailer, mail_id(command_id)
        await mailer.ask(asked, mail_id=id_, valid_s=CHANGE_VALID_S)

    async def change_email(self, token: str, origin: Origin) -> None:
        """With the link that went to the new address. Answers 410."""
        link, account = await follow(self._parts, token, "email", "active")
        new = replace(account, email=link.payload.decode(), updated_at=self._parts.now)
        await self._parts.trail.record("account.change_email", origin, account)
        try:
            async with self._store.transaction():
                await use(self._parts, token)
                if not await self._store.accounts.change(new, "active", "email", "updated_at"):
                    raise link_ended()
                await self._store.accounts.drop_links(account.id, ("email", "reset"))
                letter = EmailChanged(at=self._parts.clock.now(), new_email=new.email)
                await self._parts.mailer.queue(account.email, letter)
        except AddressTaken:  # somebody else was first, since the link was sent
            raise link_ended() from None
