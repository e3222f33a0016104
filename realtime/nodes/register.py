"""The connections of a node, found by what an order says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from realtime import codes
from realtime.codes import Disconnect
from realtime.nodes.control import Target
from realtime.session.connection import Connection
from realtime.settings import RealtimeSettings


class Register:
    """`len` counts all, also those that are not connected yet; `users` those that are."""

    def __init__(self, settings: RealtimeSettings) -> None:
        self._settings = settings
        self._clients: dict[str, Connection] = {}
        self._sessions: dict[str, Connection] = {}
        self._users: dict[str, set[Connection]] = {}
        self._addresses: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Connection]:
        """As they are now: it may change meanwhile."""
        return iter(tuple(self._clients.values()))

    @property
    def users(self) -> int:
        return len(self._users)

    def session(self, session_id: str) -> Connection | None:
        return self._sessions.get(session_id)

    def opened(self, connection: Connection) -> Disconnect | None:
        """A new one; why it is one too many, if it is."""
        self._clients[connection.client] = connection
        if connection.session_id:
            self._sessions[connection.session_id] = connection
        if not connection.address:
            return None
        self._addresses[connection.address] += 1
        limit = self._settings.max_connections_per_address
        over = limit and self._addresses[connection.address] > limit
        return codes.DISCONNECT_CONNECTION_LIMIT if over else None

    def connected(self, connection: Connection) -> Disconnect | None:
        """Its user is known; why that is one too many, if it is."""
        user = connection.identity.user
        connections = self._users.setdefault(user, set())
        connections.add(connection)
        limit = self._settings.max_connections_per_user
        over = limit and user and len(connections) > limit
        return codes.DISCONNECT_CONNECTION_LIMIT if over else None

    def closed(self, connection: Connection) -> None:
        if self._clients.pop(connection.client, None) is None:
            return
        self._sessions.pop(connection.session_id, None)
        self._addresses[connection.address] -= 1
        if self._addresses[connection.address] <= 0:
            del self._addresses[connection.address]
        user = connection.user
        connections = self._users.get(user) if user is not None else None
        if user is not None and connections is not None:
            connections.discard(connection)
            if not connections:
                del self._users[user]

    def select(self, target: Target) -> tuple[Connection, ...]:
        """Those that are meant, among the connected ones."""
        return tuple(one for one in self._candidates(target) if _meant(one, target))

    def _candidates(self, target: Target) -> Iterable[Connection]:
        """Found by the narrowest thing that is known of them."""
        if target.client or target.session:
            by_client = self._clients.get(target.client) if target.client else None
            found = by_client or self._sessions.get(target.session)
            return (found,) if found is not None else ()
        if target.user is not None:
            return self._users.get(target.user, ())
        # Seldom: all that came by one token, or are on one channel.
        return self._clients.values() if target.token_id or target.channel else ()


def _meant(connection: Connection, target: Target) -> bool:
    return (
        connection.user is not None
        and (target.user is None or connection.user == target.user)
        and (not target.client or connection.client == target.client)
        and (not target.session or connection.session_id == target.session)
        and (not target.token_id or connection.token_id == target.token_id)
        and (not target.channel or target.channel in connection.session.channels)
        and connection.client not in target.except_clients
    )
