"""Request bodies, decoded strictly from their bytes.

Litestar by itself would turn a body into plain objects and those leniently into the handler's type
("5" for 5). Here msgspec decodes the bytes into the type at once, nothing is coerced, unknown
fields are refused by the types themselves, and a refusal says where, as a JSON Pointer.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Final

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.dto._backend import DTOBackend
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from web.problems import FieldError, ProblemError, invalid_body, of_validation

# The largest sensible body is a year of availability exceptions.
MAX_BYTES: Final = 256 * 1024


class StrictBody(AbstractDTO[Any]):
    """The application's `dto`: made for every handler that takes `data`."""

    _decoders: ClassVar[dict[str, msgspec.json.Decoder[Any]]] = {}

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: type[DTOBackend] | None = None,
    ) -> None:
        cls._decoders[handler_id] = msgspec.json.Decoder(field_definition.annotation)

    def decode_bytes(self, value: bytes) -> Any:
        _require_json(self.asgi_connection.headers.get("content-type", ""))
        handler = self.asgi_connection.route_handler
        try:
            body = self._decoders[handler.handler_id].decode(value)
        except msgspec.ValidationError as error:
            raise of_validation(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ProblemError(400, "malformed-json", "the body is not well-formed JSON") from None
        if rb"\u0000" in value and (where := _nul(msgspec.json.decode(value))) is not None:
            raise invalid_body([FieldError("U+0000 cannot be kept in a text", pointer=where)])
        return body

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        yield from ()  # the type itself is the transfer model

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False


def _require_json(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise ProblemError(415, "unsupported-media-type", "bodies are application/json")


def _nul(value: object, pointer: str = "") -> str | None:
    """Where a text contains U+0000, which PostgreSQL cannot store."""
    match value:
        case str():
            return pointer if "\0" in value else None
        case list():
            inside = [(str(i), item) for i, item in enumerate(value)]
        case dict():
            inside = list(value.items())
        case _:
            return None
    found = (_nul(item, f"{pointer}/{name}") for name, item in inside)
    return next((where for where in found if where is not None), None)
