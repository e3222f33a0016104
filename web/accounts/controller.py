"""/api/tokens"""

from __future__ import annotations

import logging

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from actors.domain.access import RELATIONS, Facts
from web import tokens
from web.accounts.schemas import TokenBody, TokenView
from web.auth import Authenticated
from web.headers import request_id
from web.openapi import PROBLEMS
from web.problems import ProblemError, forbidden
from web.services import Services
from web.times import moment

log = logging.getLogger(__name__)


class TokenController(Controller):
    path = "/tokens"
    tags = ("accounts",)

    @post("/", responses=PROBLEMS, summary="A token for somebody, by an administrator")
    async def issue(
        self, request: Authenticated, data: JSONBody[TokenBody], services: NamedDependency[Services]
    ) -> TokenView:
        if not RELATIONS["admin"](request.user, Facts()):
            raise forbidden(request.user.role, "token.issue")
        secret = services.settings.token_secret
        if secret is None:
            raise ProblemError(404, "not-found", "this service does not sign tokens itself")
        now = services.clock.now()
        token = tokens.issue(secret.reveal(), data.role, data.subject, data.ttl_s, now)
        log.info(
            "request %s: admin %s was given a token for %s %s",
            request_id(request.scope),
            request.user.subject,
            data.role,
            data.subject,
        )
        expires_at = moment(now + data.ttl_s)
        return TokenView(token=token, role=data.role, subject=data.subject, expires_at=expires_at)
