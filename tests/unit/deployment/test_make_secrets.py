"""config/deploy/make-secrets: complete, private, once."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.unit.deployment.files import DEPLOY, compose, make_secrets


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_the_directory_is_its_owners_and_the_files_are_what_containers_may_read(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "further" / "secrets"
    done = make_secrets(directory)
    assert done.returncode == 0, done.stderr
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {p.name: p.stat().st_mode & 0o777 for p in directory.iterdir() if p.name[0] != "."}
    assert set(modes.values()) == {0o444}
    assert [*directory.parent.iterdir()] == [directory], "something is left beside it"


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    make_secrets(directory).check_returncode()
    before = contents(directory)
    again = make_secrets(directory)
    assert again.returncode == 1
    assert "not overwritten" in again.stderr
    assert contents(directory) == before
    assert [*tmp_path.iterdir()] == [directory]


def test_an_empty_directory_is_not_taken_for_none(tmp_path: Path) -> None:
    assert make_secrets(tmp_path).returncode == 1
    assert not list(tmp_path.iterdir())


def test_each_is_random_and_long(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    make_secrets(first).check_returncode()
    make_secrets(second).check_returncode()
    for name in compose()["secrets"].keys() - {"smtp_url"}:
        assert (first / name).read_text() != (second / name).read_text(), name
    plain = ("postgres_password", "database_password", "s3_secret_key", "ray_token")
    for name in (*plain, "token_secret", "master_key"):
        text = (first / name).read_text()
        assert len(bytes.fromhex(text)) == 32, name


def test_nothing_of_it_is_printed(tmp_path: Path) -> None:
    done = make_secrets(tmp_path / "secrets")
    said = done.stdout + done.stderr
    for name in compose()["secrets"]:
        assert (tmp_path / "secrets" / name).read_text() not in said


def test_the_mail_server_is_the_one_that_is_named_or_none_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets(tmp_path / "none").check_returncode()
    nowhere = (tmp_path / "none" / "smtp_url").read_text()
    assert urlsplit(nowhere).hostname == "mail.invalid", "RFC 2606: a name that never resolves"
    monkeypatch.setenv("SMTP_URL", "smtps://maxray:secret@mail.example")
    make_secrets(tmp_path / "given").check_returncode()
    assert (tmp_path / "given" / "smtp_url").read_text() == "smtps://maxray:secret@mail.example"


def test_files_that_share_a_secret_agree(tmp_path: Path) -> None:
    make_secrets(tmp_path / "s").check_returncode()
    made = contents(tmp_path / "s")
    assert f"maxray:{made['database_password']}@" in made["database_url"]
    assert f":{made['redis_auth'].split()[1]}@" in made["redis_url"]
    [identity] = json.loads(made["s3_identities"])["identities"]
    assert identity["credentials"] == [
        {"accessKey": "maxray", "secretKey": made["s3_secret_key"]},
    ]
    environment = compose()["services"]["web"]["environment"]
    assert environment["MAXRAY_S3_ACCESS_KEY"] == "maxray"


def test_the_object_stores_inner_doors_each_have_a_key(tmp_path: Path) -> None:
    make_secrets(tmp_path / "s").check_returncode()
    security = tomllib.loads((tmp_path / "s" / "s3_security").read_text())["jwt"]
    doors = [
        security["signing"],
        security["signing"]["read"],
        security["filer_signing"],
        security["filer_signing"]["read"],
    ]
    assert len({door["key"] for door in doors}) == 4


def test_git_never_sees_them(tmp_path: Path) -> None:
    make_secrets(tmp_path / "s").check_returncode()
    assert (tmp_path / "s" / ".gitignore").read_text() == "*\n"
    assert (DEPLOY / "make-secrets").stat().st_mode & 0o111
