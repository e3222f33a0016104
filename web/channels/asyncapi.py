"""The sockets' description: AsyncAPI 3.0, made from the types that are really sent and read.

A message of a channel is the `data` of a publication; a call is an `rpc` command of the Centrifuge
protocol, its method the address. Whoever speaks the protocol through an SDK sees exactly these.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from web.channels.calls import CALLS, Call
from web.channels.catalogue import CHANNELS, PROMISES, ChannelKind

_SCHEMAS: Final = "#/components/schemas/{name}"


def document(version: str, socket_path: str) -> dict[str, Any]:
    """The document, ready to be encoded as JSON."""
    payloads: list[Any] = [kind.carries for kind in CHANNELS.values()]
    payloads += [call.arguments for call in CALLS.values()]
    payloads += [call.answers for call in CALLS.values()]
    schemas, components = msgspec.json.schema_components(payloads, ref_template=_SCHEMAS)
    # A name that begins with an underscore is private to its module; here it is a schema's.
    found = dict(zip((id(one) for one in payloads), schemas, strict=True))
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for kind in CHANNELS.values():
        channels[kind.name] = _channel(kind, found[id(kind.carries)])
        operations[f"publish_{kind.name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{kind.name}"},
            "summary": kind.says,
        }
    for method, call in CALLS.items():
        name = method.replace(".", "_")
        channels[f"call_{name}"] = _call(
            method, call, found[id(call.arguments)], found[id(call.answers)]
        )
        operations[f"answer_{name}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/call_{name}"},
            "summary": call.says,
            "messages": [{"$ref": f"#/channels/call_{name}/messages/arguments"}],
            "reply": {
                "channel": {"$ref": f"#/channels/call_{name}"},
                "messages": [{"$ref": f"#/channels/call_{name}/messages/answer"}],
            },
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "MaxRay, live",
            "version": version,
            "description": (
                "Channels and calls over the Centrifuge client protocol v2: connect with any of "
                "its official SDKs, with a bearer token."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "socket": {
                "host": "{host}",
                "pathname": socket_path,
                "protocol": "wss",
                "description": "WebSocket; JSON, or Protobuf with ?format=protobuf.",
                "variables": {"host": {"default": "localhost:8000"}},
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Given in the protocol's connect command, not in a header.",
                }
            },
        },
    }


def _channel(kind: ChannelKind, schema: dict[str, Any]) -> dict[str, Any]:
    keyed = f" One value for each {kind.keyed_by}." if kind.keyed_by else ""
    return {
        "address": kind.address,
        "title": f"{kind.name}:",
        "description": (
            f"{kind.says} For {kind.readers}. Delivery `{kind.delivery}`: "
            f"{PROMISES[kind.delivery]}.{keyed}"
        ),
        "parameters": {kind.subject: {"description": f"The {kind.subject}'s id."}},
        "messages": {"publication": _message(kind.carries, schema)},
    }


def _call(
    method: str, call: Call, arguments: dict[str, Any], answers: dict[str, Any]
) -> dict[str, Any]:
    return {
        "address": method,
        "title": f"{method} (rpc)",
        "description": call.says,
        "messages": {
            "arguments": _message(call.arguments, arguments),
            "answer": _message(call.answers, answers),
        },
    }


def _message(of: type[Struct], schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": of.__name__, "payload": schema}
