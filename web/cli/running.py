"""What a running `up` left in its data folder for other commands: the settings it resolved.

Beside the state file (what runs) there is `DATA/settings.json`: the variables its processes were
given. Secrets are in it by the names of their files only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from config import Settings, SettingsError, load_settings
from storage.embedded.folder import DataFolder, write_private
from storage.embedded.state import State, read_state

_FILE = "settings.json"


def keep_settings(folder: DataFolder, variables: Mapping[str, str]) -> None:
    """Write what `running_settings` reads."""
    write_private(folder.path / _FILE, msgspec.json.encode(dict(variables)).decode())


def running_state(data: Path) -> State | None:
    """The state of the supervisor that uses this folder now, or None when none does."""
    state = read_state(data)
    return state if state is not None and state.alive else None


def running_settings(data: Path) -> Settings | None:
    """The settings of the running `up` of this folder with every address and secret resolved.

    None when nothing runs. Its `port` is the one really listened on.
    """
    return None if running_state(data) is None else kept_settings(data)


def kept_settings(data: Path) -> Settings | None:
    """What the last `up` of this folder ran with, running or not; None when that cannot be told."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, SettingsError):
        raw = (data / _FILE).read_bytes()
        return load_settings(msgspec.json.decode(raw, type=dict[str, str]), config=None)
    return None
