"""The data folder: private, locked, and itself even when it is copied."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from storage.embedded.errors import DataFolderInUse, DataFolderRefused
from storage.embedded.folder import DataFolder, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_made_is_the_owners_alone(tmp_path: Path) -> None:
    loose = tmp_path / "data"
    loose.mkdir(mode=0o755)
    folder = DataFolder(loose)
    folder.secret("password")
    assert mode(loose) == 0o700
    assert mode(folder.folder("deep", "down")) == 0o700
    assert mode(loose / "secrets" / "password") == 0o600


def test_a_secret_is_generated_once(tmp_path: Path) -> None:
    first = DataFolder(tmp_path).secret("password")
    assert len(first) == 64
    assert DataFolder(tmp_path).secret("password") == first
    assert DataFolder(tmp_path).secret("another") != first


def test_a_copied_folder_is_another_one(tmp_path: Path) -> None:
    original = DataFolder(tmp_path / "a")
    kept = original.id
    assert DataFolder(tmp_path / "a").id == kept
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert DataFolder(tmp_path / "b").id != kept


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderRefused, match="File exists"):
        DataFolder(tmp_path / "file")


def test_the_lock_is_for_one_and_says_who(tmp_path: Path) -> None:
    one, other = DataFolder(tmp_path), DataFolder(tmp_path)
    one.lock()
    with pytest.raises(DataFolderInUse) as caught:
        other.lock()
    assert caught.value.pid == os.getpid()
    one.unlock()
    other.lock()
    other.unlock()


def test_ports_are_kept_and_a_broken_record_is_none(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.ports() == {}
    folder.keep_ports({"redis": 20100})
    assert DataFolder(tmp_path).ports() == {"redis": 20100}
    (tmp_path / "ports.json").write_text('{"redis": ')
    assert folder.ports() == {}


def test_sockets_live_inside_a_short_path(tmp_path: Path) -> None:
    short = Path("/tmp") / f"mx-{os.getpid()}"
    folder = DataFolder(short)
    try:
        assert folder.socket_folder() == short / "run"
        assert mode(short / "run") == 0o700
    finally:
        shutil.rmtree(short)


def test_sockets_of_a_long_path_live_outside_and_are_cleaned_up(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / ("x" * 100))
    outside = folder.socket_folder()
    assert folder.socket_folder() == outside
    assert len(str(outside)) < 40
    assert mode(outside) == 0o700
    # A crash later: the next user of the folder makes its own, and removes the old one.
    successor = DataFolder(folder.path)
    fresh = successor.socket_folder()
    assert not outside.exists()
    successor.drop_socket_folder()
    assert not fresh.exists()


def test_only_a_folder_of_our_making_is_ever_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    folder = DataFolder(tmp_path / "data")
    (folder.path / "run.path").write_text(str(precious))
    folder.drop_socket_folder()
    assert precious.exists()


class Disk:
    """What a power cut leaves: files with what they held when they were last synced, under the
    names that their folders had when those were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._contents: dict[int, str] = {}
        self._names: dict[Path, dict[str, int]] = {}
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, handle: int) -> None:
        self._fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if path.is_dir():
            self._names[path] = {one.name: one.stat().st_ino for one in path.iterdir()}
        else:
            self._contents[path.stat().st_ino] = path.read_text()

    def kept(self, file: Path) -> str | None:
        """Of a file below folders of which each, and its name, must have been synced."""
        for path in (*file.parents[:1], file):
            number = self._names.get(path.parent, {}).get(path.name)
            if number is None or number != path.stat().st_ino:
                return None
        return self._contents.get(file.stat().st_ino)


def test_a_secret_is_on_disk_with_its_name_before_it_is_relied_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    folder = DataFolder(tmp_path / "data")
    file = folder.secret_file("master-key")
    assert disk.kept(file) == folder.secret("master-key") != ""
    write_private(file, "another")
    assert disk.kept(file) == "another"


def test_a_private_file_is_replaced_whole_and_leaves_no_scraps(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert mode(file) == 0o600
    assert list(tmp_path.iterdir()) == [file]
