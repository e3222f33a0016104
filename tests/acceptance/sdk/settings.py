"""The namespaces that the scenarios use, in the words of Centrifugo v6's configuration."""

from __future__ import annotations

from typing import Any

from tests.acceptance.sdk.server import API_KEY

SECRET = "the-hmac-secret-of-these-tests-0123456789"

_OPEN = {"allow_subscribe_for_client": True}
_FREE = {
    **_OPEN,
    "allow_publish_for_subscriber": True,
    "allow_presence_for_subscriber": True,
    "allow_history_for_subscriber": True,
}
_KEPT = {"history_ttl": "300s", "force_recovery": True, "force_positioning": True}

_CHANGED_BY_SUBSCRIBERS = {
    "allow_publish_for_subscriber": True,
    "allow_remove_for_subscriber": True,
}


def _map(name: str, **options: Any) -> dict[str, Any]:
    """A namespace of keyed channels, recoverable unless it says otherwise."""
    of_map = {"mode": "recoverable", "stream_size": 1000, "key_ttl": "300s", **options}
    return {"name": name, **_OPEN, "subscription_type": "map", "map": of_map}


NAMESPACES: list[dict[str, Any]] = [
    {"name": "plain", **_FREE},
    {"name": "closed", **_KEPT, "history_size": 100},  # only with a subscription token
    {"name": "fact", **_FREE, **_KEPT, "history_size": 2000},
    {"name": "short", **_FREE, **_KEPT, "history_size": 3},
    {"name": "asked", **_FREE, "history_size": 100, "history_ttl": "300s", "allow_recovery": True},
    {
        "name": "cache",
        **_FREE,
        "history_size": 1,
        "history_ttl": "300s",
        "force_recovery": True,
        "force_recovery_mode": "cache",
    },
    {"name": "crowd", **_FREE, "presence": True, "join_leave": True, "force_push_join_leave": True},
    {
        "name": "delta",
        **_FREE,
        **_KEPT,
        "history_size": 100,
        "allowed_delta_types": ["fossil"],
        "delta_publish": True,
    },
    {
        "name": "wide",
        **_FREE,
        **_KEPT,
        "history_size": 2000,
        "allowed_delta_types": ["fossil"],
        "delta_publish": True,
    },
    {"name": "tags", **_FREE, **_KEPT, "history_size": 100, "allow_tags_filter": True},
    {"name": "personal", **_KEPT, "history_size": 100},
    _map("map", **_CHANGED_BY_SUBSCRIBERS),
    _map("board"),
    _map("fleeting", mode="ephemeral"),
    _map("cursor", client_key="client_id", **_CHANGED_BY_SUBSCRIBERS),
    _map("shortmap", stream_size=2),
    _map("ttl", key_ttl="300ms"),
    {**_map("deltamap"), "allowed_delta_types": ["fossil"], "delta_publish": True},
    {**_map("tagmap"), "allow_tags_filter": True},
]


def settings(**client: Any) -> dict[str, Any]:
    """A whole configuration; `client` adds to or overrides its `client` section."""
    return {
        "client": {
            "token": {"hmac_secret_key": SECRET},
            "subscribe_to_user_personal_channel": {
                "enabled": True,
                "personal_channel_namespace": "personal",
            },
            # Whole streams are missed here on purpose.
            "recovery_max_publication_limit": 2000,
            **client,
        },
        "http_api": {"key": API_KEY},
        "http_stream": {"enabled": True},
        "sse": {"enabled": True},
        "channel": {"namespaces": NAMESPACES},
    }


# Options of `client` for a server that pings often and ends at once what has expired.
HASTY = {
    "ping_interval": "1s",
    "pong_timeout": "800ms",
    "expired_close_delay": "1s",
    "expired_sub_close_delay": "1s",
}

# What centrifuge-js and centrifuge-python expect of the server for their own suites, as far as it
# concerns channels without a namespace.
INSECURE: dict[str, Any] = {
    **settings(insecure=True),
    "channel": {
        "without_namespace": {
            "presence": True,
            "history_size": 100,
            "history_ttl": "300s",
            "force_recovery": True,
        },
        "namespaces": NAMESPACES,
    },
}
