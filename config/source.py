"""Reads settings: command line over environment over TOML file over defaults.

An unknown name, a malformed value or a contradiction is refused with the name it was given under
and what is accepted; all of them at once. Values are never quoted back.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from config.errors import Problem, SettingsError
from config.secret import Secret
from config.settings import ACCEPTED, Accepted, Settings

PREFIX = "MAXRAY_"
CONFIG_VARIABLE = "MAXRAY_CONFIG"
CONFIG_NAME = "maxray.toml"
# Ours, but not settings: which file to read, the mark on supervised processes
# (storage/embedded/sweep.py), and where such a process says that it is ready (ready.py).
NOT_SETTINGS = frozenset({CONFIG_VARIABLE, "MAXRAY_DATA_ID", "MAXRAY_READY_FILE"})


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load_settings(
    environ: Mapping[str, str],
    *,
    config: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings in force. Raises SettingsError.

    `config`: the TOML file; without it MAXRAY_CONFIG, else `DATA/maxray.toml` where that exists.
    `options`: what the command line gave, by setting's name; None means not given.
    """
    given = {name: value for name, value in (options or {}).items() if value is not None}
    problems: list[Problem] = []
    from_environment = _Reader(problems, variable)
    values = from_environment.read(dict(_variables(environ, problems)))
    from_options = _Reader(problems, lambda name: "--" + name.replace("_", "-"))
    chosen = {**values, **from_options.read(given)}
    if problems:
        raise SettingsError(*problems)
    file = config or _configured(environ) or _default_file(chosen.get("data", Settings().data))
    if file is not None:
        from_file = _Reader(problems, lambda name: f"{name} ({file})", relative_to=file.parent)
        chosen = {**from_file.read(_toml(file)), **chosen}
    problems += _contradictions(chosen)
    if problems:
        raise SettingsError(*problems)
    return Settings(**chosen)


def _configured(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(CONFIG_VARIABLE)
    return Path(named) if named else None


def _default_file(data: Path) -> Path | None:
    file = data / CONFIG_NAME
    return file if file.exists() else None


def _variables(environ: Mapping[str, str], problems: list[Problem]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        if name != name.upper():
            problems.append(Problem(name, f"is written in capitals: {name.upper()}"))
            continue
        yield name.removeprefix(PREFIX).lower(), value


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(Problem(str(file), f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise SettingsError(Problem(str(file), "is not UTF-8 text")) from error
    except tomllib.TOMLDecodeError as error:
        # The error's own text may quote the line, and with it a secret; its place is enough.
        place = re.search(r"\(at [^)]*\)", str(error))
        where = f" {place[0]}" if place else ""
        raise SettingsError(Problem(str(file), f"is not TOML{where}")) from None


class _Reader:
    """Turns one source's raw values into settings, noting what it refuses."""

    def __init__(
        self, problems: list[Problem], shown: Any, relative_to: Path | None = None
    ) -> None:
        self._problems = problems
        self._shown = shown
        self._relative_to = relative_to

    def read(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in raw.items():
            name, from_file = _setting(key)
            if name is None:
                self._refuse(key, _unknown(key, self._shown))
            elif from_file and name in raw:
                self._refuse(key, f"is given twice, also as {self._shown(name)}")
            else:
                text = self._secret_from(key, value) if from_file else value
                if text is not None:
                    self._take(values, key, name, text)
        return values

    def _refuse(self, key: str, why: str) -> None:
        self._problems.append(Problem(self._shown(key), why))

    def _take(self, values: dict[str, Any], key: str, name: str, value: Any) -> None:
        accepted = ACCEPTED[name]
        try:
            values[name] = _convert(accepted, value, self._relative_to)
        except ValueError:
            self._refuse(key, f"is malformed; accepted is {accepted.says}")

    def _secret_from(self, key: str, value: Any) -> str | None:
        if not isinstance(value, str) or not value:
            self._refuse(key, "is malformed; accepted is the path of a file holding the secret")
            return None
        file = Path(value)
        if self._relative_to is not None:
            file = self._relative_to / file
        try:
            return file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            self._refuse(key, f"names a file that cannot be read: {reason}")
            return None


def _setting(key: str) -> tuple[str | None, bool]:
    """Which setting a key speaks of, and whether it names a secret's file."""
    if key in ACCEPTED:
        return key, False
    name = key.removesuffix("_file")
    if name != key and name in ACCEPTED and ACCEPTED[name].secret:
        return name, True
    return None, False


def _unknown(key: str, shown: Any) -> str:
    near = difflib.get_close_matches(key, _keys(), n=1, cutoff=0.7)
    if near:
        return f"is no setting; did you mean {shown(near[0])}?"
    return "is no setting; there are: " + ", ".join(shown(name) for name in sorted(ACCEPTED))


def _keys() -> Iterable[str]:
    yield from ACCEPTED
    yield from (f"{name}_file" for name, accepted in ACCEPTED.items() if accepted.secret)


def _convert(accepted: Accepted, value: Any, relative_to: Path | None) -> Any:
    """The typed value. Raises ValueError (msgspec's is one)."""
    if accepted.type is Path:
        if not isinstance(value, str | Path) or not str(value):
            raise ValueError("not a path")
        return relative_to / value if relative_to is not None else Path(value)
    if accepted.secret:
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str) or not re.fullmatch(accepted.pattern or ".+", text):
            raise ValueError("not of the secret's form")
        return Secret(text)
    # Texts of the environment and the command line become numbers; TOML has its own types, but
    # a quoted number there is clear enough as well. A boolean is no number to us.
    if isinstance(value, bool):
        raise ValueError("a boolean")
    return msgspec.convert(value, accepted.type, strict=False)


def _contradictions(values: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _object_store(values)
    yield from _certificate(values)
    if values.get("smtp_url") is not None and values.get("mail_from") is None:
        why = f"is needed beside {variable('smtp_url')}: {ACCEPTED['mail_from'].says}"
        yield Problem(variable("mail_from"), why)


def _certificate(values: Mapping[str, Any]) -> Iterator[Problem]:
    files = ("tls_cert", "tls_key")
    given = [name for name in files if values.get(name) is not None]
    if given and values.get("tls", "off") == "off":
        for name in given:
            yield Problem(variable(name), f"means nothing without {variable('tls')}=on")
    elif len(given) == 1:
        [missing] = set(files) - set(given)
        yield Problem(variable(missing), f"is needed beside {variable(given[0])}")


def _object_store(values: Mapping[str, Any]) -> Iterator[Problem]:
    keys = ("s3_access_key", "s3_secret_key")
    given = [name for name in keys if values.get(name) is not None]
    if values.get("s3_url") is not None:
        for name in keys:
            if name not in given:
                why = f"is needed beside {variable('s3_url')}: {ACCEPTED[name].says}"
                yield Problem(variable(name), why)
    else:
        for name in given:
            yield Problem(variable(name), f"means nothing without {variable('s3_url')}")


def settings_environment(settings: Settings, secrets: Path) -> dict[str, str]:
    """The variables that give a child process exactly these settings.

    Secrets go by file, mode 0600, into the folder `secrets` (which must exist): the environment
    of a process is shown by more tools than the content of a file is.
    """
    # Everything is said by variables; no file of settings is to add to them.
    variables = {CONFIG_VARIABLE: os.devnull}
    for name in ACCEPTED:
        value = getattr(settings, name)
        if isinstance(value, Secret):
            file = secrets / f"setting-{name}"
            _write_private(file, value.reveal())
            variables[variable(f"{name}_file")] = str(file)
        elif isinstance(value, Path):
            variables[variable(name)] = str(value.absolute())
        elif value is not None:
            variables[variable(name)] = str(value)
    return variables


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
