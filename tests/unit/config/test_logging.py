"""What a log line says, and what it never says."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from config.logging import configure_logging, redact


@pytest.fixture
def sink() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(sink: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_extra_fields(sink: io.StringIO) -> None:
    configure_logging("info", "json", sink)
    logging.getLogger("a.b").info("raised %s", "e-1", extra={"shard": 3, "emergency": "e-1"})
    logging.getLogger("a.b").debug("not at this level")
    (line,) = lines(sink)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "a.b",
        "message": "raised e-1",
        "shard": 3,
        "emergency": "e-1",
    }


def test_an_error_carries_its_traceback_redacted(sink: io.StringIO) -> None:
    configure_logging("info", "json", sink)
    try:
        raise ValueError("cannot reach postgresql://maxray:hunter2@h/d")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = lines(sink)
    assert "ValueError" in line["error"]
    assert "hunter2" not in sink.getvalue()


def test_the_console_form_is_plain_text_and_redacted_too(sink: io.StringIO) -> None:
    configure_logging("info", "console", sink)
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        logging.getLogger("x").exception("at %s", "redis://:hunter2@h")
    assert "ERROR" in sink.getvalue()
    assert "ValueError" in sink.getvalue()
    assert "hunter2" not in sink.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "redis://:hunter2@127.0.0.1:1/0",
        "postgresql://user:hunter2@h/d?x=1",
        "Authorization: Bearer hunter2.hunter2",
        "password=hunter2",
        'token_secret: "hunter2 hunter2"',
        "api_key='hunter2'",
        "x eyJhbGciOiJIUzI1NiJ9.hunter2.c2ln y",
    ],
)
def test_passwords_and_tokens_are_taken_out(text: str) -> None:
    assert "hunter2" not in redact(text)


def test_what_is_no_secret_stays() -> None:
    text = "postgres ready at http://127.0.0.1:8000/health after 3 tokens: fine"
    assert redact("GET http://127.0.0.1:8000/health 200") == "GET http://127.0.0.1:8000/health 200"
    assert "127.0.0.1:8000" in redact(text)


def test_fields_of_patients_and_secrets_are_held_back_at_any_depth(sink: io.StringIO) -> None:
    configure_logging("info", "json", sink)
    private = {"patient": {"id": "p1", "phone": "555", "Symptoms": ["chest pain"]}}
    logging.getLogger("x").info(
        "seen", extra={"request": private, "session_token": "t0k", "items": [{"upi": "a@b"}]}
    )
    text = sink.getvalue()
    assert '"p1"' in text
    for seen in ("555", "chest pain", "t0k", "a@b"):
        assert seen not in text


def test_none_writes_nothing_at_all(sink: io.StringIO) -> None:
    configure_logging("none", "json", sink)
    logging.getLogger("a").critical("the end")
    assert sink.getvalue() == ""
