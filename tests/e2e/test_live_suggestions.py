"""What shoppers search is suggested to others within seconds, over the wire; rules take effect as fast; both last."""

import time
from typing import Any

import httpx
import pytest

from tests.e2e.server import ADMIN_KEY, Server, running

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
VISIBLE_SECONDS = 2.0
PATIENCE_SECONDS = 20.0  # of a busy machine; what is promised is measured apart from it


def client_of(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, trust_env=False, timeout=60)


def suggested(client: httpx.Client, prefix: str) -> list[str]:
    reply: Any = client.post("/autosuggest", json={"query_prefix": prefix, "max_suggestions": 20}).json()
    return list(reply["suggestions"])


def seconds_until(client: httpx.Client, prefix: str, text: str, *, there: bool) -> float:
    """How long it takes until `text` is suggested for `prefix`, or no longer is."""
    begun = time.monotonic()
    while (text in suggested(client, prefix)) is not there:
        assert time.monotonic() - begun < PATIENCE_SECONDS, f"{text} did not change"
    return time.monotonic() - begun


@pytest.fixture
def text(mortal_server: Server) -> str:
    """A query that finds products and is not suggested yet: the words of a title in an order nobody types."""
    with client_of(mortal_server) as client:
        products: Any = client.post("/search", json={"query": "jacket", "max_results": 1}).json()["products"]
        words = [word for word in products[0]["title"].lower().split() if word.isalpha()]
        text = " ".join(reversed(words[-3:]))
        assert text not in suggested(client, text[:-1])
    return text


def test_what_enough_shoppers_complete_is_suggested_within_seconds_and_after_a_restart(
    mortal_server: Server, text: str
) -> None:
    with client_of(mortal_server) as client:
        for shopper in range(4):
            client.post("/search", json={"query": text, "session_id": f"shopper-{shopper}"}).raise_for_status()
        assert text not in suggested(client, text[:-1])  # four are not enough
        client.post("/search", json={"query": text, "session_id": "shopper-4"}).raise_for_status()
        assert seconds_until(client, text[:-1], text, there=True) <= VISIBLE_SECONDS
    mortal_server.kill()
    with running(mortal_server.home) as again, client_of(again) as client:
        assert text in suggested(client, text[:-1])


def test_what_is_blocked_goes_within_seconds_and_what_is_pinned_comes_first(mortal_server: Server) -> None:
    with client_of(mortal_server) as client:
        shown = suggested(client, "sh")
        first, last = shown[0], shown[-1]
        rule = {"kind": "block", "text": first, "match": "exact"}
        client.post("/admin/suggestion-rules", json=rule, headers=ADMIN).raise_for_status()
        assert seconds_until(client, "sh", first, there=False) <= VISIBLE_SECONDS
        pin = {"kind": "pin", "text": last, "prefix": "sh"}
        client.post("/admin/suggestion-rules", json=pin, headers=ADMIN).raise_for_status()
        begun = time.monotonic()
        while suggested(client, "sh")[0] != last:
            assert time.monotonic() - begun < VISIBLE_SECONDS


def test_the_counters_are_there_for_prometheus(mortal_server: Server) -> None:
    with client_of(mortal_server) as client:
        lines, begun = list[str](), time.monotonic()
        while 'cadence_cache_lookups_total{result="hit"} 1.0' not in lines:  # a list without the models is not kept
            assert time.monotonic() - begun < VISIBLE_SECONDS
            suggested(client, "sh")
            lines = client.get("/metrics").text.splitlines()
    assert "cadence_model_process_ready 1.0" in lines
    assert any(
        line.startswith('cadence_autosuggest_stage_milliseconds{quantile="0.5",stage="history"}') for line in lines
    )
    assert any(line.startswith('cadence_requests_total{status="200"}') for line in lines)
