"""The configuration file: read as types, refused by name, unknown options told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from realtime.standalone.options import StandaloneOptions
from realtime.standalone.source import RefusedOptions, convert_options, duration_s, read_options

OPTIONS = {
    "client": {"insecure": True, "token": {"hmac_secret_key": "k"}, "ping_interval": "10s"},
    "channel": {
        "without_namespace": {"history_size": 5, "history_ttl": "5m"},
        "namespaces": [{"name": "chat", "presence": True, "history_meta_ttl": "1h30m"}],
    },
}
YAML = """
client:
  insecure: true
  token: {hmac_secret_key: k}
  ping_interval: 10s
channel:
  without_namespace: {history_size: 5, history_ttl: 5m}
  namespaces:
    - {name: chat, presence: true, history_meta_ttl: 1h30m}
"""
TOML = """
[client]
insecure = true
token = {hmac_secret_key = "k"}
ping_interval = "10s"
[channel.without_namespace]
history_size = 5
history_ttl = "5m"
[[channel.namespaces]]
name = "chat"
presence = true
history_meta_ttl = "1h30m"
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(found: object) -> str:
    with pytest.raises(RefusedOptions) as caught:
        convert_options(found)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", json.dumps(OPTIONS)), ("a.yaml", YAML), ("a.toml", TOML)]
)
def test_the_same_options_in_every_format(tmp_path: Path, name: str, text: str) -> None:
    options, unknown = read_options(written(tmp_path, name, text))
    assert unknown == []
    assert options.client.insecure
    assert options.client.token.hmac_secret_key == "k"
    assert options.client.ping_interval == 10
    assert options.channel.without_namespace.history_ttl == 300
    assert options.channel.namespaces[0].history_meta_ttl == 5400


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert read_options(written(tmp_path, "a.yaml", "")) == (StandaloneOptions(), [])


def test_unknown_options_are_told_by_their_paths_with_what_there_is() -> None:
    found = {"admin": {"enabled": True}, "channel": {"namespaces": [{"name": "ab", "proxy": 1}]}}
    admin, proxy = convert_options(found)[1]
    assert admin.startswith("admin is not known here; there are client, channel, websocket, ")
    assert proxy.startswith("channel.namespaces[0].proxy is not known here; there are presence, ")
    assert "history_size" in proxy


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ({"client": {"insecure": "perhaps"}}, "client.insecure"),
        ({"client": {"ping_interval": "soon"}}, "client.ping_interval"),
        ({"channel": {"namespaces": [{"name": "a"}]}}, "channel.namespaces[0].name"),
        ({"channel": {"namespaces": [{"name": "ab"}, {"name": "ab"}]}}, "'ab'"),
        ({"channel": {"without_namespace": {"history_size": -1}}}, "history_size"),
        ({"log": {"level": "loud"}}, "log.level`; accepted are 'trace', 'debug', "),
        ({"engine": {"type": "nats"}}, "engine.type`; accepted are 'memory', 'redis'"),
        ([], "table"),
    ],
)
def test_what_cannot_be_is_refused_by_name(found: object, named: str) -> None:
    assert named in refused(found)


@pytest.mark.parametrize("name", ["a.ini", "missing.json"])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str) -> None:
    if name == "a.ini":
        written(tmp_path, name, "")
    with pytest.raises(RefusedOptions, match=name):
        read_options(tmp_path / name)


@pytest.mark.parametrize("text", ["{", "client: [", ""])
def test_a_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "a.toml" if not text else "a.yaml", text or "= 1")
    with pytest.raises(RefusedOptions):
        read_options(path)


@pytest.mark.parametrize(
    ("text", "seconds"), [("300s", 300), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 s", "-5s", "5x", "s5"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_s(text)
