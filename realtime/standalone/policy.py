"""The channel policy of the stand-alone server: namespaces and subscription tokens decide.

A subscription is granted by its token; else to the users that the channel's name limits it to;
else to everybody the namespace lets subscribe. `insecure` grants everything.
"""

from __future__ import annotations

import msgspec

from realtime.clock import Clock
from realtime.errors import BadRequest, InvalidToken, NotAvailable, PermissionDenied
from realtime.maps.keyed import MAX_KEY_LENGTH, KeyedChange
from realtime.ports import Identity, SubscribeOptions
from realtime.protocol.messages import SUBSCRIPTION_MAP, PublishRequest, SubscribeRequest
from realtime.publication import Append, Peer, Publication
from realtime.standalone.channels import ChannelRules
from realtime.standalone.options import ChannelOptions
from realtime.standalone.tokens import (
    NOTHING_OVERRIDDEN,
    BoolOverride,
    Claims,
    Override,
    TokenVerifier,
)


class NamespacePolicy:
    """`realtime.ports.ChannelPolicy`."""

    def __init__(
        self, rules: ChannelRules, verifier: TokenVerifier, clock: Clock, insecure: bool
    ) -> None:
        self._rules = rules
        self._verifier = verifier
        self._clock = clock
        self._insecure = insecure

    async def subscribe(self, identity: Identity, request: SubscribeRequest) -> SubscribeOptions:
        options = self._rules.of(request.channel)
        if request.token:
            claims = await self._claims(identity, request.channel, request.token)
            return subscribe_options(
                self._rules,
                options,
                request,
                self._insecure,
                not identity.user,
                override=claims.override,
                chan_info=claims.info,
                expires_at=None if self._insecure else claims.expires_at,
            )
        if not self._insecure:
            self._check_open(identity, request.channel, options)
        return subscribe_options(self._rules, options, request, self._insecure, not identity.user)

    async def refresh(self, identity: Identity, channel: str, token: str) -> float | None:
        """Until when a subscription stands with this new token (Unix seconds; None: for ever)."""
        claims = await self._claims(identity, channel, token)
        return None if self._insecure else claims.expires_at

    async def access(self, identity: Identity, channel: str) -> SubscribeOptions:
        """What one who is not subscribed may read of the channel."""
        options = self._rules.of(channel)
        granted = subscribe_options(
            self._rules, options, SubscribeRequest(channel=channel), self._insecure, True
        )
        of = "client" if identity.user else "anonymous"
        return msgspec.structs.replace(
            granted,
            may_read_presence=self._insecure or getattr(options, f"allow_presence_for_{of}"),
            may_read_history=self._insecure or getattr(options, f"allow_history_for_{of}"),
        )

    def still_allowed(self, identity: Identity, channel: str, payload: bytes) -> bool:
        """Namespaces say nothing of what is published."""
        return True

    async def publish(
        self, identity: Identity, peer: Peer, request: PublishRequest, subscribed: bool
    ) -> Publication | Append | KeyedChange:
        options = self._rules.of(request.channel)
        if request.type == SUBSCRIPTION_MAP:
            return self._change(identity, peer, request, subscribed, options)
        if options.subscription_type == "map":
            raise NotAvailable("a map is changed key by key")
        allowed = (
            self._insecure
            or (subscribed and options.allow_publish_for_subscriber)
            or (bool(identity.user) and options.allow_publish_for_client)
            or (not identity.user and options.allow_publish_for_anonymous)
        )
        if not allowed:
            raise PermissionDenied(request.channel)
        data = bytes(request.data)
        if options.publication_data_format.startswith("json"):
            _check_json(data, only_object=options.publication_data_format == "json_object")
        return publication(self._rules, request.channel, data, peer)

    def _change(
        self,
        identity: Identity,
        peer: Peer,
        request: PublishRequest,
        subscribed: bool,
        options: ChannelOptions,
    ) -> KeyedChange:
        """The change of a map that a client asks for."""
        keyed = self._rules.keyed(options)
        if keyed is None:
            raise NotAvailable("not a map channel")
        doing = "remove" if request.removed else "publish"
        by_subscriber: bool = getattr(options.map, f"allow_{doing}_for_subscriber")
        by_client: bool = getattr(options.map, f"allow_{doing}_for_client")
        by_anonymous: bool = getattr(options.map, f"allow_{doing}_for_anonymous")
        allowed = by_client or (subscribed and by_subscriber)
        if not (self._insecure or (allowed and (bool(identity.user) or by_anonymous))):
            raise PermissionDenied(request.channel)
        keys = {"": request.key, "client_id": peer.client, "user_id": identity.user}
        key = keys[options.map.client_key]
        if not 1 <= len(key) <= MAX_KEY_LENGTH:
            raise BadRequest(f"a key has 1 to {MAX_KEY_LENGTH} characters")
        return KeyedChange(
            request.channel,
            key,
            keyed.retention,
            bytes(request.data),
            request.removed,
            info=peer,
            whole=not options.delta_publish,
        )

    async def _claims(self, identity: Identity, channel: str, token: str) -> Claims:
        try:
            claims = await self._verifier.verify(token, self._clock.now())
        except InvalidToken as error:
            raise PermissionDenied(str(error)) from None
        if claims.channel != channel or claims.user != identity.user:
            raise PermissionDenied("the token is for another channel or user")
        return claims

    def _check_open(self, identity: Identity, channel: str, options: ChannelOptions) -> None:
        """Raises PermissionDenied unless the channel is open to this user without a token."""
        if self._rules.private(channel):
            raise PermissionDenied("a private channel needs a subscription token")
        users = self._rules.users(channel)
        if users is not None and options.allow_user_limited_channels:
            if identity.user and identity.user in users:
                return
            raise PermissionDenied("the channel is limited to other users")
        if not identity.user and not options.allow_subscribe_for_anonymous:
            raise PermissionDenied("no anonymous subscriptions in this namespace")
        if identity.user and not options.allow_subscribe_for_client:
            raise PermissionDenied("this namespace needs a subscription token")


def subscribe_options(
    rules: ChannelRules,
    options: ChannelOptions,
    request: SubscribeRequest,
    insecure: bool,
    anonymous: bool,
    *,
    override: Override = NOTHING_OVERRIDDEN,
    chan_info: bytes = b"",
    expires_at: float | None = None,
    data: bytes | None = None,
) -> SubscribeOptions:
    """What a subscription to a channel with these options is like, for this request of it."""
    retention = rules.retention(options)
    force_recovery = _overridden(override.force_recovery, options.force_recovery)
    force_positioning = _overridden(override.force_positioning, options.force_positioning)
    join_leave = _overridden(override.join_leave, options.join_leave)
    push = _overridden(override.force_push_join_leave, options.force_push_join_leave)
    recoverable = force_recovery or (options.allow_recovery and request.recoverable)
    positioned = force_positioning or (options.allow_positioning and request.positioned)
    return SubscribeOptions(
        delivery="fact" if retention else "signal",
        recoverable=recoverable and retention is not None,
        positioned=(positioned or recoverable) and retention is not None,
        retention=retention,
        recovery_mode="cache" if options.force_recovery_mode == "cache" else "stream",
        expires_at=expires_at,
        chan_info=chan_info,
        data=data,
        presence=_overridden(override.presence, options.presence),
        join_leave=join_leave,
        push_join_leave=join_leave and (push or request.join_leave),
        may_publish=insecure or options.allow_publish_for_subscriber,
        may_read_presence=insecure or _reads(options, "presence", anonymous),
        may_read_history=insecure or _reads(options, "history", anonymous),
        delta="fossil" in options.allowed_delta_types,
        tags_filter=options.allow_tags_filter,
        keyed=rules.keyed(options),
    )


def publication(
    rules: ChannelRules,
    channel: str,
    data: bytes,
    peer: Peer | None,
    tags: dict[str, str] | None = None,
    idempotency_key: str = "",
    skip_history: bool = False,
    delta: bool = False,
) -> Publication | Append:
    """What to hand to the broker for a publication: an append where the channel keeps history.

    `delta`: it may leave as a delta, also where the namespace does not say so.
    """
    options = rules.of(channel)
    retention = rules.retention(options)
    whole = not (delta or options.delta_publish)
    if retention is None or skip_history:
        return Publication(channel, data, delivery="signal", info=peer, tags=tags, whole=whole)
    return Append(channel, data, retention, peer, tags, idempotency_key, whole)


def _check_json(data: bytes, only_object: bool) -> None:
    """Raises BadRequest for a payload that is not JSON, or no JSON object."""
    try:
        msgspec.json.decode(data, type=dict[str, msgspec.Raw] if only_object else msgspec.Raw)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"publications of this namespace are JSON: {error}") from None


def _overridden(override: BoolOverride | None, option: bool) -> bool:
    return option if override is None else override.value


def _reads(options: ChannelOptions, what: str, anonymous: bool) -> bool:
    """Whether a subscriber may read presence or history."""
    of = "anonymous" if anonymous else "client"
    return bool(
        getattr(options, f"allow_{what}_for_subscriber")
        or getattr(options, f"allow_{what}_for_{of}")
    )
