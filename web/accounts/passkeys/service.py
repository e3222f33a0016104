"""All of passkeys, as the accounts are given them."""

from __future__ import annotations

from web.accounts.credentials import Credentials
from web.accounts.login import Login
from web.accounts.parts import Parts
from web.accounts.passkeys.challenge import Challenges
from web.accounts.passkeys.enrolment import PasskeyEnrolment
from web.accounts.passkeys.factor import PasskeyFactor
from web.accounts.passkeys.login import PasskeyLogin
from web.accounts.passkeys.relying_party import relying_party
from web.accounts.session_service import Sessions


class Passkeys:
    def __init__(
        self, parts: Parts, sessions: Sessions, credentials: Credentials, login: Login
    ) -> None:
        party = relying_party(parts.public_url)
        challenges = Challenges(parts.store, parts.clock)
        self.factor = PasskeyFactor(parts.store)
        self.enrolment = PasskeyEnrolment(parts, sessions, credentials, challenges, party)
        self.login = PasskeyLogin(parts, sessions, login, challenges, party)
