"""Which options a channel has, by its name.

`<namespace>:<rest>` belongs to a namespace (boundary ":"), any other channel to the options
without one. `<anything>#<user>,<user>` is for those users alone. A channel that begins with "$" is
private: a subscription token is asked for whatever its namespace allows.
"""

from __future__ import annotations

import re

from realtime.errors import UnknownChannel
from realtime.maps.keyed import KeyedOptions, KeyedRetention
from realtime.publication import Retention
from realtime.standalone.options import ChannelOptions, Channels


class ChannelRules:
    def __init__(self, options: Channels) -> None:
        self._options = options
        self._namespaces: dict[str, ChannelOptions] = {one.name: one for one in options.namespaces}
        self._patterns = {
            one.channel_regex: re.compile(one.channel_regex)
            for one in (options.without_namespace, *options.namespaces)
            if one.channel_regex
        }

    def of(self, channel: str) -> ChannelOptions:
        """Raises UnknownChannel for a namespace that is not configured, and for a name that its
        namespace's `channel_regex` does not match.
        """
        bare = channel.removeprefix(self._options.private_prefix or "\0")
        name, boundary, rest = bare.partition(self._options.namespace_boundary)
        if not boundary:
            options, rest = self._options.without_namespace, bare
        elif name in self._namespaces:
            options = self._namespaces[name]
        else:
            raise UnknownChannel(channel)
        if options.channel_regex and not self._patterns[options.channel_regex].search(rest):
            raise UnknownChannel(channel)
        return options

    def private(self, channel: str) -> bool:
        """Whether only a token opens it."""
        prefix = self._options.private_prefix
        return bool(prefix) and channel.startswith(prefix)

    def users(self, channel: str) -> tuple[str, ...] | None:
        """Whom it is limited to; None where its name limits it to nobody."""
        _, boundary, users = channel.rpartition(self._options.user_boundary)
        return tuple(users.split(self._options.user_separator)) if boundary else None

    def personal(self, user: str, namespace: str) -> str:
        """A user's own channel."""
        prefix = f"{namespace}{self._options.namespace_boundary}" if namespace else ""
        return f"{prefix}{self._options.user_boundary}{user}"

    def keyed(self, options: ChannelOptions) -> KeyedOptions | None:
        """What the maps of a namespace are like; None where its channels are none."""
        if options.subscription_type != "map":
            return None
        given = options.map
        # With a bound on what is recovered, no more removals than that are worth remembering.
        remembered = given.stream_size or KeyedRetention().removed_size
        return KeyedOptions(
            KeyedRetention(given.key_ttl, remembered, meta_ttl_s=given.meta_ttl),
            recoverable=given.mode != "ephemeral",
            stream_size=given.stream_size,
            ordered=given.ordered,
            conflation_s=given.conflation_interval,
            remove_on_leave=given.remove_client_on_unsubscribe,
        )

    def retention(self, options: ChannelOptions) -> Retention | None:
        """What is kept of a channel with these options; None for nothing."""
        if not options.history_size or not options.history_ttl:
            return None
        meta = options.history_meta_ttl or self._options.history_meta_ttl
        return Retention(options.history_size, options.history_ttl, max(meta, options.history_ttl))
