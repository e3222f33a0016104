"""`maxray account`: the first administrator, and the keys that sign access tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import rich_click as click
from msgspec.structs import replace

from actors.clock import SystemClock
from actors.domain.kernel import DomainError
from config import Secret, Settings
from storage.audit import AuditUnavailable, PostgresAuditTrail
from storage.embedded import DataFolderInUse, EmbeddedError, EmbeddedServers
from storage.embedded.folder import random_secret
from storage.encryption import EncryptionError, MasterKeys, PostgresKeyStore, Vault
from storage.mail import PostgresMailOutbox
from storage.records import Records, RecordsUnavailable
from web.accounts.service import Accounts, Needs, opened
from web.accounts.signing import AHEAD_S
from web.accounts.throttle_memory import MemoryThrottle
from web.cli.exits import Exit
from web.cli.keys import with_own_key
from web.cli.options import config_option, data_option, errors, fail, settings_or_exit
from web.cli.running import running_settings
from web.command_id import random_id
from web.mail.mailer import Mailer
from web.problems import ProblemError


@click.group()
def account() -> None:
    """Who may log in: the first administrator, and the keys of access tokens."""


@account.command("create-admin")
@click.option("--email", required=True, metavar="ADDRESS", help="The administrator's own.")
@data_option
@config_option
def create_admin(email: str, data: Path | None, config: Path | None) -> None:
    """Invite an administrator, and print the link that makes the account.

    The link is good for a week, and once; the same letter goes to the address. Whoever opens it
    chooses a password, and sets up a second factor at the first login. Run again for the same
    address it makes a new link, and the one before is good no more.

    **Examples**

    - `maxray account create-admin --email chief@example.org`
    - `MAXRAY_DATABASE_URL=… MAXRAY_MASTER_KEY_FILE=… maxray account create-admin --email …`
    """
    link = _run(settings_or_exit(config, data=data), lambda accounts: _invite(accounts, email))
    errors().print("for the administrator alone, good for a week, and once:", highlight=False)
    click.echo(link)


async def _invite(accounts: Accounts, email: str) -> str:
    return (await accounts.staff.invite(email, "admin", None, None, random_id())).link


@account.command("rotate-keys")
@click.option(
    "--revoke",
    is_flag=True,
    help="The key has got away: as soon as the workers hear of it (at once; where the notice is "
    "lost, within a minute) none but the new one verifies, and everybody must refresh.",
)
@data_option
@config_option
def rotate_keys(revoke: bool, data: Path | None, config: Path | None) -> None:
    """Sign access tokens with a new key from now on, and print its name.

    Keys follow each other by themselves every month; this does it now. The new one is published at
    `/.well-known/jwks.json` at once and signs ten minutes later, when everybody knows it; what the
    old one signed is good until it ends. A worker that is cut off from PostgreSQL hears of either
    when it is back.

    **Examples**

    - `maxray account rotate-keys`
    - `maxray account rotate-keys --revoke --data /srv/maxray`
    """
    settings = settings_or_exit(config, data=data)
    kid = _run(settings, lambda accounts: _rotate(accounts, revoke))
    when = "from now on" if revoke else f"in {AHEAD_S:g} s"
    errors().print(f"this key signs {when}:", highlight=False)
    click.echo(kid)


async def _rotate(accounts: Accounts, revoke: bool) -> str:
    return await (accounts.keys.revoke() if revoke else accounts.keys.rotate())


Work = Callable[[Accounts], Awaitable[str]]


def _run(settings: Settings, work: Work) -> str:
    """What `work` gives on the accounts of these settings; exits where it cannot be done."""
    try:
        return asyncio.run(_on_accounts(settings, work))
    except DataFolderInUse as error:
        fail(Exit.IN_USE, str(error))
    except ProblemError as error:
        fail(Exit.USAGE, _said(error))
    except DomainError as error:
        fail(Exit.FAILED, error.message)
    except (EmbeddedError, EncryptionError, RecordsUnavailable, AuditUnavailable) as error:
        fail(Exit.FAILED, str(error))
    except ValueError as error:  # no master key, by its name
        fail(Exit.SETTINGS, str(error))


def _said(error: ProblemError) -> str:
    found = error.problem.errors or ()
    return "; ".join(one.detail for one in found) or error.problem.detail


async def _on_accounts(settings: Settings, work: Work) -> str:
    async with _reachable(settings) as known, _accounts(known) as accounts:
        return await work(accounts)


@asynccontextmanager
async def _reachable(settings: Settings) -> AsyncIterator[Settings]:
    """The database is the one the settings name; else that of the running `maxray up` of this
    folder; else the folder's own, started for this and stopped again."""
    known = settings if settings.database_url is not None else running_settings(settings.data)
    if known is not None and known.database_url is not None:
        yield with_own_key(known)
        return
    async with EmbeddedServers(settings.data, {"postgres"}) as servers:
        yield replace(with_own_key(settings), database_url=Secret(servers.database_url))


@asynccontextmanager
async def _accounts(settings: Settings) -> AsyncIterator[Accounts]:
    assert settings.database_url is not None
    url, clock = settings.database_url.reveal(), SystemClock()
    async with AsyncExitStack() as closing:
        vault = Vault(PostgresKeyStore(url), MasterKeys.of(settings))
        closing.push_async_callback(vault.close)
        await vault.start()
        records = await Records.open(url, vault)
        closing.push_async_callback(records.close)
        audit = PostgresAuditTrail(url, clock, name="account")
        await audit.open()
        closing.push_async_callback(audit.close)
        needs = Needs(
            database_url=url,
            vault=vault,
            mailer=Mailer(PostgresMailOutbox(records.database), vault, settings.mail_from, clock),
            audit=audit,
            throttle=MemoryThrottle(),
            records=records,
            clock=clock,
            public_url=settings.public_url or f"http://{settings.host}:{settings.port}",
            token_secret=settings.token_secret or Secret(random_secret()),
        )
        yield await closing.enter_async_context(opened(needs))
