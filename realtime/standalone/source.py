"""Reading the configuration file: JSON, YAML or TOML by its suffix."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
import yaml

from realtime.errors import RealtimeError
from realtime.standalone.options import Seconds, StandaloneOptions

_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PLACE = re.compile(r"`\$\.(.+)`$")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


class RefusedOptions(RealtimeError):
    """The file cannot be used. `problems` name the options and what they accept."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def duration_s(text: str) -> float:
    """Seconds of a duration such as "300s", "1.5h" or "1m30s". Raises ValueError."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'{text!r} is no duration; write "300s", "5m" or "1m30s"')
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def read_options(path: Path) -> tuple[StandaloneOptions, list[str]]:
    """The options of a file, and a line for each that is not known here: its path, such as
    "channel.proxy", and what there is at that place.

    Raises RefusedOptions: no such file, not its format, a value that its option does not accept.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = _parser(path)(text)
    except OSError as error:
        raise RefusedOptions([f"{path}: {error.strerror or error}"]) from None
    except (ValueError, yaml.YAMLError) as error:
        raise RefusedOptions([f"{path}: {error}"]) from None
    return convert_options({} if found is None else found)


def convert_options(found: object) -> tuple[StandaloneOptions, list[str]]:
    """See `read_options`."""
    if not isinstance(found, Mapping):
        raise RefusedOptions(["the file must hold a table of options"])
    try:
        durations = _durations(found, StandaloneOptions)
        options = msgspec.convert(durations, StandaloneOptions)
    except (msgspec.ValidationError, ValueError) as error:
        raise RefusedOptions([str(error) + _accepted(str(error))]) from None
    for at, one in (
        ("channel.without_namespace", options.channel.without_namespace),
        *((f"namespace {one.name!r}", one) for one in options.channel.namespaces),
    ):
        if one.subscription_type != "map":
            continue
        if not one.map.mode:
            raise RefusedOptions([f"{at}: map.mode is ephemeral, recoverable or persistent"])
        if one.map.mode != "persistent" and not one.map.key_ttl:
            raise RefusedOptions([f"{at}: map.key_ttl is needed unless map.mode is persistent"])
    names = [namespace.name for namespace in options.channel.namespaces]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RefusedOptions([f"channel.namespaces: {name!r} stands there twice" for name in twice])
    return options, sorted(_unknown(found, StandaloneOptions, ""))


def _parser(path: Path) -> Callable[[str], Any]:
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return tomllib.loads
    if suffix in (".yaml", ".yml", ".json"):
        return yaml.safe_load  # JSON is YAML
    raise ValueError("its suffix must be .json, .yaml, .yml or .toml")


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    """The Struct that an option holds: itself, or those in its tuple."""
    for one in (kind, *get_args(kind)):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None


def _fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def _accepted(error: str) -> str:
    """What may stand at the place that an error of msgspec names, where there is a choice."""
    place = _PLACE.search(error)
    if place is None:
        return ""
    kind: Any = StandaloneOptions
    for name in re.sub(r"\[[^]]*\]", "", place[1]).split("."):
        inner = _struct(kind)
        kind = _fields(inner).get(name) if inner is not None else None
    choice = [one for one in get_args(kind) if isinstance(one, str)]
    return f"; accepted are {', '.join(map(repr, choice))}" if choice else ""


def _durations(
    found: Mapping[str, Any], kind: type[msgspec.Struct], at: str = ""
) -> dict[str, Any]:
    """The same with the durations that are text in seconds; a bare number counts seconds too."""
    fields = _fields(kind)
    converted: dict[str, Any] = {}
    for name, value in found.items():
        expected = fields.get(name)
        inner = _struct(expected)
        if expected == Seconds and isinstance(value, str):
            try:
                value = duration_s(value)
            except ValueError as error:
                raise ValueError(f"{at}{name}: {error}") from None
        elif inner is not None and isinstance(value, Mapping):
            value = _durations(value, inner, f"{at}{name}.")
        elif inner is not None and isinstance(value, list):
            value = [
                _durations(one, inner, f"{at}{name}[{number}].")
                if isinstance(one, Mapping)
                else one
                for number, one in enumerate(value)
            ]
        elif name == "address" and kind.__name__ == "Redis" and isinstance(value, str):
            value = [one.strip() for one in value.split(",")]
        converted[name] = value
    return converted


def _unknown(found: Mapping[str, Any], kind: type[msgspec.Struct], at: str) -> Iterator[str]:
    fields = _fields(kind)
    for name, value in found.items():
        inner = _struct(fields.get(name))
        if name not in fields:
            yield f"{at}{name} is not known here; there are {', '.join(fields)}"
        elif inner is not None and isinstance(value, Mapping):
            yield from _unknown(value, inner, f"{at}{name}.")
        elif inner is not None and isinstance(value, list):
            for number, one in enumerate(value):
                yield from _unknown(one, inner, f"{at}{name}[{number}].")
