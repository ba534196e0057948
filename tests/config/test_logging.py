"""The log: one form for all, and nothing about persons."""

import io
import json
import logging

import pytest
import structlog

from config.logging import configure_logging


def configured(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is logged from here on. Not a fixture: pytest arranges the handlers anew when the test itself begins."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging("INFO")
    return stream


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_our_lines_and_uvicorns_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    log = configured(monkeypatch)
    structlog.get_logger("api").info("ready", version="v1")
    logging.getLogger("uvicorn.error").warning("Started %s", "server", extra={"color_message": "\x1b[1mStarted"})
    ours, uvicorns = lines(log)
    assert (ours["event"], ours["version"], ours["level"]) == ("ready", "v1", "info")
    assert (uvicorns["event"], uvicorns["logger"]) == ("Started server", "uvicorn.error")
    assert "color_message" not in uvicorns


def test_addresses_of_clients_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    configured(monkeypatch)
    access = logging.getLogger("uvicorn.access")
    assert not access.hasHandlers()  # what uvicorn asks before it makes the line


def test_configuring_again_changes_the_level_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = configured(monkeypatch)
    configure_logging("WARNING")
    structlog.get_logger("api").info("quiet")
    structlog.get_logger("api").warning("loud")
    assert [line["event"] for line in lines(log)] == ["loud"]


def test_errors_carry_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    log = configured(monkeypatch)
    try:
        raise RuntimeError("why")
    except RuntimeError as error:
        structlog.get_logger("api").error("failed", exc_info=error)
    assert "RuntimeError: why" in str(lines(log)[0]["exception"])


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "\x1b[31m", "\u2028\u2029\x85", '"}\n{"event": "forged"}', "{0} %s %(x)s", "\udc80"]
)
def test_no_text_makes_two_lines_of_one(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    log = configured(monkeypatch)
    # Ours alone: pytest's own copy of half a surrogate pair could not be sent from one of its processes to the other.
    monkeypatch.setattr(logging.getLogger(), "handlers", logging.getLogger().handlers[-1:])
    structlog.get_logger("api").warning("seen", what=text)
    logging.getLogger("uvicorn.error").warning("from %s", text)
    ours, uvicorns = lines(log)
    assert (ours["event"], ours["what"], uvicorns["event"]) == ("seen", text, f"from {text}")
    assert log.getvalue().replace("\n", "").isprintable()
