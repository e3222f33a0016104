"""Who connects to the stand-alone server: the bearer of a connection token, or just anybody."""

from __future__ import annotations

from realtime.clock import Clock
from realtime.errors import InvalidToken, NotAuthenticated
from realtime.ports import ConnectContext, Identity, SubscribeOptions
from realtime.protocol.messages import SubscribeRequest
from realtime.standalone.channels import ChannelRules
from realtime.standalone.options import Client
from realtime.standalone.policy import subscribe_options
from realtime.standalone.tokens import Claims, Granted, TokenVerifier, payload_of


class TokenAuthenticator:
    """`realtime.ports.Authenticator`."""

    def __init__(
        self, options: Client, rules: ChannelRules, verifier: TokenVerifier, clock: Clock
    ) -> None:
        self._options = options
        self._rules = rules
        self._verifier = verifier
        self._clock = clock

    async def authenticate(self, token: str, context: ConnectContext) -> Identity:
        if not token:
            if self._options.insecure or self._options.allow_anonymous_connect_without_token:
                return Identity("")
            raise NotAuthenticated("a connection token is needed")
        return await self._bearer(token)

    async def refresh(self, identity: Identity, token: str) -> Identity:
        refreshed = await self._bearer(token)
        if refreshed.user != identity.user:
            raise InvalidToken("the token is another user's")
        return refreshed

    async def _bearer(self, token: str) -> Identity:
        claims = await self._verifier.verify(token, self._clock.now())
        if not claims.user and self._options.disallow_anonymous_connection_tokens:
            raise NotAuthenticated("tokens without a user are not accepted")
        personal = self._options.subscribe_to_user_personal_channel
        return Identity(
            claims.user,
            None if self._options.insecure else claims.expires_at,
            conn_info=claims.info,
            subs=self._subs(claims),
            token_id=claims.token_id,
            alone=personal.enabled and personal.single_connection,
        )

    def _subs(self, claims: Claims) -> dict[str, SubscribeOptions]:
        """The channels that the token names, and the user's personal one."""
        granted = dict.fromkeys(claims.channels, Granted()) | dict(claims.subs)
        personal = self._options.subscribe_to_user_personal_channel
        if personal.enabled and claims.user:
            channel = self._rules.personal(claims.user, personal.personal_channel_namespace)
            granted.setdefault(channel, Granted())
        return {channel: self._options_of(channel, one, claims) for channel, one in granted.items()}

    def _options_of(self, channel: str, granted: Granted, claims: Claims) -> SubscribeOptions:
        return subscribe_options(
            self._rules,
            self._rules.of(channel),
            SubscribeRequest(channel=channel),
            self._options.insecure,
            not claims.user,
            override=granted.override,
            chan_info=payload_of(granted.info, granted.b64info),
            data=payload_of(granted.data, granted.b64data) or None,
        )
