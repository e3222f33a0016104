"""The data folder: everything the embedded servers keep, under one path, for its owner only.

    lock            held (flock) by the supervisor that uses the folder; says its pid
    id              which folder this is: the marker its processes carry
    ports.json      the ports chosen for it, kept so that a restart keeps its addresses
    state.json      what runs now (state.py)
    secrets/        generated passwords and keys, one a file, mode 0600
    logs/           what each process said
    postgres/ redis/ s3/ ray/    the servers' own

Folders are 0700, files 0600.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from storage.embedded.errors import DataFolderInUse, DataFolderRefused

# sockaddr_un holds 108 bytes with the closing zero; Ray appends about 60 to its folder
# ("/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"), seaweedfs less.
_SOCKET_FOLDER_BYTES = 107 - 74


def random_secret() -> str:
    """256 bits as 64 hex digits: safe in URLs, shells and every server's configuration."""
    return secrets.token_hex(32)


def write_private(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace `path` by a file of mode 0600 holding `text`; readers see the old or the new, whole.

    `durable`: on disk before this returns, and so is its name; what is sealed under a key, or
    locked by a password, that a power cut takes back is lost.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:  # also when interrupted: nothing half-written stays
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Have the names in it on disk: what a file holds is of no use where its name is lost."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class DataFolder:
    """One data folder, made where it is missing. Raises DataFolderRefused when it is not ours."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_ownership()
        except OSError as error:
            raise DataFolderRefused(self.path, error.strerror or str(error)) from error
        self._lock_fd: int | None = None
        self._sockets: Path | None = None

    def _take_ownership(self) -> None:
        found = self.path.stat()
        if os.geteuid() not in (0, found.st_uid):
            raise DataFolderRefused(self.path, "it belongs to another user")
        if stat.S_IMODE(found.st_mode) & 0o077:
            self.path.chmod(0o700)

    def folder(self, *names: str) -> Path:
        """A folder inside, made where it is missing."""
        path = self.path.joinpath(*names)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        return self.folder("logs") / f"{name}.log"

    @property
    def id(self) -> str:
        """This folder's id. A copy gets its own, so that it never ends the original's processes."""
        found = self.path.stat()
        place = f"{found.st_dev}:{found.st_ino}"
        file = self.path / "id"
        with contextlib.suppress(OSError, ValueError):
            kept, where = file.read_text().split()
            if where == place:
                return kept
        fresh = uuid.uuid4().hex
        write_private(file, f"{fresh} {place}\n")
        return fresh

    def secret_file(self, name: str, make: Callable[[], str] = random_secret) -> Path:
        """The file of a secret, generated on first use."""
        file = self.folder("secrets") / name
        if not file.exists():
            write_private(file, make())
            # The folder of the secrets may be new itself, and the one that it is in.
            sync_folder(self.path)
            sync_folder(self.path.parent)
        return file

    def secret(self, name: str, make: Callable[[], str] = random_secret) -> str:
        return self.secret_file(name, make).read_text().strip()

    def ports(self) -> dict[str, int]:
        """The ports kept for this folder, by use; empty where none are, or they are unreadable."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self.path / "ports.json").read_bytes(), type=dict[str, int])
        return {}

    def keep_ports(self, ports: dict[str, int]) -> None:
        write_private(self.path / "ports.json", msgspec.json.encode(ports).decode())

    # -- one user at a time ---------------------------------------------------------------------

    def lock(self) -> None:
        """Hold the folder until `unlock` or the end of this process. Raises DataFolderInUse."""
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = os.read(fd, 32).decode(errors="replace").strip()
            os.close(fd)
            raise DataFolderInUse(self.path, int(said) if said.isdigit() else None) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd

    def unlock(self) -> None:
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    # -- a short path for sockets ----------------------------------------------------------------

    def socket_folder(self) -> Path:
        """A folder short enough for unix sockets: inside, or in the system's temporary folder.

        The one outside is remembered, so that a later start cleans up after a crash. The same
        one until `drop_socket_folder`.
        """
        if self._sockets is not None:
            return self._sockets
        inside = self.path / "run"
        if len(os.fsencode(inside)) <= _SOCKET_FOLDER_BYTES:
            inside.mkdir(mode=0o700, exist_ok=True)
            self._sockets = inside
            return inside
        self.drop_socket_folder()
        made = Path(tempfile.mkdtemp(prefix="maxray-", dir="/tmp"))
        write_private(self.path / "run.path", str(made))
        self._sockets = made
        return made

    def drop_socket_folder(self) -> None:
        """Remove it, wherever it is; only ever a folder of our own making."""
        self._sockets = None
        shutil.rmtree(self.path / "run", ignore_errors=True)
        record = self.path / "run.path"
        with contextlib.suppress(OSError):
            made = Path(record.read_text())
            ours = made.lstat().st_uid == os.geteuid() and made.name.startswith("maxray-")
            if ours and made.is_dir() and not made.is_symlink():
                shutil.rmtree(made, ignore_errors=True)
            record.unlink()
