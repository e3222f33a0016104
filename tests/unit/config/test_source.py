"""Where settings come from, which wins, and what is refused and how."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from config import Secret, Settings, SettingsError, load_settings, settings_environment

SECRET = "0123456789abcdef0123456789abcdef"


def refused(environ: dict[str, str], **kwargs: Any) -> dict[str, str]:
    """The problems, by the name they are reported under."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, **kwargs)
    return {problem.name: problem.why for problem in caught.value.problems}


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings({"PATH": "/bin"}) == Settings()
    assert Settings().host == "127.0.0.1"


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text('port = 1\nshards = 3\nregion = "north"\n')
    environ = {"MAXRAY_PORT": "2", "MAXRAY_SHARDS": "4"}
    settings = load_settings(environ, config=file, options={"port": 5, "shards": None})
    assert (settings.port, settings.shards, settings.region) == (5, 4, "north")


def test_the_file_in_the_data_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "maxray.toml").write_text("web_workers = 7\n")
    assert load_settings({"MAXRAY_DATA": str(tmp_path)}).web_workers == 7


def test_the_file_named_by_the_environment_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "maxray.toml").write_text("web_workers = 7\n")
    other = tmp_path / "other.toml"
    other.write_text("web_workers = 8\n")
    environ = {"MAXRAY_DATA": str(tmp_path), "MAXRAY_CONFIG": str(other)}
    assert load_settings(environ).web_workers == 8


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    from_variable = load_settings({"MAXRAY_TOKEN_SECRET_FILE": str(file)})
    (tmp_path / "maxray.toml").write_text('token_secret_file = "secret"\n')
    from_toml = load_settings({"MAXRAY_DATA": str(tmp_path)})
    for settings in (from_variable, from_toml):
        assert settings.token_secret == Secret(SECRET)


def test_a_secret_given_in_the_environment_replaces_the_file_key(tmp_path: Path) -> None:
    config = tmp_path / "maxray.toml"
    config.write_text('token_secret_file = "absent"\n')
    problems = refused({}, config=config)
    assert "cannot be read" in problems[f"token_secret_file ({config})"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("MAXRAY_PROT", "MAXRAY_PORT"),
        ("MAXRAY_DATABASEURL", "MAXRAY_DATABASE_URL"),
        ("MAXRAY_TOKEN_SECRETFILE", "MAXRAY_TOKEN_SECRET_FILE"),
        ("MAXRAY_WORKERS", "MAXRAY_WEB_WORKERS"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(name: str, near: str) -> None:
    assert refused({name: "1"}) == {name: f"is no setting; did you mean {near}?"}


def test_an_unknown_name_near_nothing_is_refused_with_the_list() -> None:
    assert "MAXRAY_REDIS_URL" in refused({"MAXRAY_XYZZY": "1"})["MAXRAY_XYZZY"]


def test_a_setting_that_is_no_secret_takes_no_file() -> None:
    assert "is no setting" in refused({"MAXRAY_PORT_FILE": "/x"})["MAXRAY_PORT_FILE"]


def test_an_unknown_key_of_the_file_is_refused_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("web_worker = 2\n")
    assert refused({}, config=file) == {
        f"web_worker ({file})": f"is no setting; did you mean web_workers ({file})?"
    }


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "65536", "0 to 65535"),
        ("PORT", "http", "0 to 65535"),
        ("PORT", "", "0 to 65535"),
        ("WEB_WORKERS", "0", "from 1 to 256"),
        ("SHARDS", "2.5", "from 1 to 256"),
        ("DATABASE_URL", "mysql://h/d", "postgresql://"),
        ("REDIS_URL", "127.0.0.1:6379", "redis://"),
        ("S3_URL", "ftp://h", "http(s)://"),
        ("S3_BUCKET", "No Capitals", "lower-case"),
        ("RAY_ADDRESS", "auto", "HOST:PORT"),
        ("TOKEN_SECRET", "short", "at least 32"),
        ("LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("OFFER_TIMEOUT_S", "-1", "more than 0"),
        ("OFFER_TIMEOUT_S", "nan", "more than 0"),
        ("DATA", "", "a path"),
    ],
)
def test_a_malformed_value_is_refused_with_what_is_accepted(
    name: str, value: str, says: str
) -> None:
    problems = refused({f"MAXRAY_{name}": value})
    assert says in problems[f"MAXRAY_{name}"]


def test_types_of_toml_are_checked_too(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("port = true\nshards = [1]\nregion = 5\n[redis_url]\na = 1\n")
    assert len(refused({}, config=file)) == 4


def test_all_problems_are_reported_at_once() -> None:
    assert set(refused({"MAXRAY_PORT": "x", "MAXRAY_SHARD": "1", "MAXRAY_Host": "y"})) == {
        "MAXRAY_PORT",
        "MAXRAY_SHARD",
        "MAXRAY_Host",
    }


def test_a_refusal_never_quotes_the_value(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('database_url = "postgresql:/u:hunter2@h/d" trailing\n')
    for problems in (
        refused({"MAXRAY_DATABASE_URL": "postgres:hunter2", "MAXRAY_S3_URL": "http://u:hunter2@h"}),
        refused({}, config=file),
        refused({"MAXRAY_TOKEN_SECRET_FILE": "hunter2"}),
    ):
        assert "hunter2" not in str(problems)


def test_the_same_secret_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    environ = {"MAXRAY_MASTER_KEY": SECRET, "MAXRAY_MASTER_KEY_FILE": str(file)}
    assert "given twice" in refused(environ)["MAXRAY_MASTER_KEY_FILE"]


def test_an_outside_s3_needs_its_credentials_and_they_need_it() -> None:
    lacking = refused({"MAXRAY_S3_URL": "http://h:1"})
    assert set(lacking) == {"MAXRAY_S3_ACCESS_KEY", "MAXRAY_S3_SECRET_KEY"}
    pointless = refused({"MAXRAY_S3_ACCESS_KEY": "abcd"})
    assert "means nothing without MAXRAY_S3_URL" in pointless["MAXRAY_S3_ACCESS_KEY"]


def test_a_certificate_needs_its_key_and_both_need_tls() -> None:
    both = {"MAXRAY_TLS_CERT": "chain.pem", "MAXRAY_TLS_KEY": "key.pem"}
    assert all("means nothing without MAXRAY_TLS=on" in why for why in refused(both).values())
    lacking = refused({"MAXRAY_TLS": "on", "MAXRAY_TLS_CERT": "chain.pem"})
    assert lacking == {"MAXRAY_TLS_KEY": "is needed beside MAXRAY_TLS_CERT"}
    settings = load_settings({"MAXRAY_TLS": "on", **both})
    assert (settings.tls_cert, settings.tls_key) == (Path("chain.pem"), Path("key.pem"))


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example",
        "smtps://mail.example:465",
        "smtp://maxray:p%40ss@mail.example:587",
        "smtp://[::1]:25",
    ],
)
def test_a_mail_server_is_an_url(url: str) -> None:
    assert "is needed beside" in refused({"MAXRAY_SMTP_URL": url})["MAXRAY_MAIL_FROM"]
    settings = load_settings({"MAXRAY_SMTP_URL": url, "MAXRAY_MAIL_FROM": "a@b.example"})
    assert settings.smtp_url is not None
    assert settings.smtp_url.reveal() == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAXRAY_SMTP_URL", "mail.example"),
        ("MAXRAY_SMTP_URL", "http://mail.example"),
        ("MAXRAY_SMTP_URL", "smtp://user:pass@word@mail.example"),
        ("MAXRAY_MAIL_FROM", "MaxRay"),
        ("MAXRAY_MAIL_FROM", "MaxRay <no-reply@maxray.example>\r\nBcc: all@example.org"),
        ("MAXRAY_MAIL_FROM", "a@b.example, c@d.example"),
        ("MAXRAY_PUBLIC_URL", "maxray.example"),
        ("MAXRAY_PUBLIC_URL", "https://maxray.example/app"),
        ("MAXRAY_PUBLIC_URL", "https://user@maxray.example"),
        ("MAXRAY_TLS", "yes"),
    ],
)
def test_what_mail_or_links_could_not_be_made_of_is_refused(name: str, value: str) -> None:
    assert name in refused({name: value})


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    assert "cannot be read" in refused({}, config=absent)[str(absent)]
    broken = tmp_path / "broken.toml"
    broken.write_text("= 1")
    assert "is not TOML (at line 1, column 1)" in refused({}, config=broken)[str(broken)]


def test_secrets_show_neither_in_reprs_nor_in_texts() -> None:
    settings = load_settings({"MAXRAY_DATABASE_URL": "postgresql://u:hunter2@h/d"})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in f"{settings.database_url} {settings.database_url!r}"
    assert settings.database_url is not None
    assert settings.database_url.reveal() == "postgresql://u:hunter2@h/d"


def test_a_child_gets_the_same_settings_and_secrets_only_by_file(tmp_path: Path) -> None:
    given = load_settings(
        {
            "MAXRAY_DATA": str(tmp_path),
            "MAXRAY_DATABASE_URL": "postgresql://u:hunter2@h/d",
            "MAXRAY_S3_URL": "http://127.0.0.1:9",
            "MAXRAY_S3_ACCESS_KEY": "access",
            "MAXRAY_S3_SECRET_KEY": "hunter2hunter2",
            "MAXRAY_OFFER_TIMEOUT_S": "2.5",
        }
    )
    for _ in range(2):  # a restart writes them again
        environ = settings_environment(given, tmp_path)
    assert "hunter2" not in str(environ)
    assert load_settings(environ) == given
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {0o600}
