"""Gemini on loopback, and clients of it that never really wait."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.gemini_settings import GeminiSettings
from data_generation.providers.answer_cache import AnswerCache
from data_generation.providers.gemini_client import GeminiClient
from tests.data_generation.providers.gemini_server import KEY, GeminiServer

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    """Checks at the end that every request was one that the API takes."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    server = GeminiServer()
    yield server
    server.close()
    assert server.complaints == []


@pytest.fixture
def waits() -> list[float]:
    """How long the clients would have slept, in seconds."""
    return []


MakeClient = Callable[..., GeminiClient]


@pytest.fixture
def make_client(server: GeminiServer, waits: list[float], tmp_path: Path) -> Iterator[MakeClient]:
    """A client with these settings; all of them share one cache."""
    made: list[GeminiClient] = []

    def make(**values: object) -> GeminiClient:
        settings = GeminiSettings.model_validate(
            {"gemini_api_key": KEY, "gemini_base_url": server.url, "gemini_timeout_seconds": 20} | values
        )
        client = GeminiClient(settings, AnswerCache(tmp_path / "answers"), sleep=waits.append, now=lambda: NOW, seed=7)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
