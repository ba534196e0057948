"""POST /autosuggest."""

import asyncio
import dataclasses
import threading

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.domain import Source, Suggestion, SuggestQuery, SuggestReply
from core.services.gathered import Gathered, Now
from core.services.sources.contract import Pool
from core.services.typed import Typed
from tests.api.calls import in_service, post, rows, start_session, state_of, stored_session
from tests.api.small_shop import SmallShop


def test_the_reply_has_every_field_of_the_contract(client: TestClient) -> None:
    reply = post(client, "/autosuggest", {"query_prefix": "red r"})
    assert reply.status_code == 200
    body = reply.json()
    assert body["suggestions"] == ["red running shoes", "red rain jacket"]
    assert body["personalized"] is False
    assert body["response_time_ms"] > 0
    assert body["request_id"] == reply.headers["X-Request-ID"]
    assert len(body["session_id"]) == 32
    assert [item["text"] for item in body["items"]] == body["suggestions"]
    assert body["items"][0] == {
        "text": "red running shoes",
        "category": "Shoes",
        "product_count": 2,
        "source": "history",
        "highlights": [[0, 5]],
        "score": 0.5,
        "corrected": False,
    }
    assert "products" not in body


def test_lengths_and_products_and_explain_are_as_asked(client: TestClient) -> None:
    asked = {"query_prefix": "r", "max_suggestions": 1, "include_products": 3, "explain": True, "session_id": "mine"}
    body = post(client, "/autosuggest", asked).json()
    assert len(body["suggestions"]) == 1
    assert body["session_id"] == "mine"
    assert body["items"][0]["explain"] == {"base": 1.0}
    assert [card["product_id"] for card in body["products"]] == ["p1", "p2"]  # one left the catalogue since training
    assert body["products"][1]["in_stock"] is False
    assert body["products"][0]["price"] == 59.0


def test_a_category_constrains(client: TestClient) -> None:
    assert post(client, "/autosuggest", {"query_prefix": "red", "category": "Hats"}).json()["suggestions"] == []


def test_an_empty_box_offers_the_own_last_queries_and_half_typed_ones_never(client: TestClient) -> None:
    session = start_session(client)
    for prefix in ("j", "ja", "jac"):
        post(client, "/autosuggest", {"query_prefix": prefix}, session)
    post(client, "/search", {"query": "Jacket"}, session)
    post(client, "/search", {"query": "nothing like this"}, session)
    items = post(client, "/autosuggest", {"query_prefix": " "}, session).json()["items"]
    assert [item["text"] for item in items if item["source"] == "recent"] == ["jacket"]
    other = post(client, "/autosuggest", {"query_prefix": ""}, start_session(client)).json()["items"]
    assert [item["text"] for item in other if item["source"] == "recent"] == []


def test_an_empty_box_offers_what_many_search(client: TestClient) -> None:
    for number in range(5):
        post(client, "/search", {"query": "rain jacket", "session_id": f"shopper-{number}"})
        post(client, "/search", {"query": "red jacket", "session_id": "always the same"})
    in_service(client, state_of(client).writer.flush_events)
    in_service(client, state_of(client).trending.refresh)
    items = post(client, "/autosuggest", {"query_prefix": ""}).json()["items"]
    assert [item["text"] for item in items if item["source"] == "trending"] == ["rain jacket"]


def test_the_same_keystroke_is_computed_once(client: TestClient, shop: SmallShop) -> None:
    first = post(client, "/autosuggest", {"query_prefix": "RED  r"}).json()
    second = post(client, "/autosuggest", {"query_prefix": "red r"}).json()
    assert len(shop.suggest_calls) == 1
    assert second["items"] == first["items"]
    for changed in ({"query_prefix": "red r "}, {"max_suggestions": 3}, {"category": "Shoes"}, {"include_products": 1}):
        calls = len(shop.suggest_calls)
        post(client, "/autosuggest", {"query_prefix": "red r", **changed})
        assert len(shop.suggest_calls) == calls + 1


def test_what_is_personal_or_explained_is_not_cached(client: TestClient, shop: SmallShop) -> None:
    for _ in range(2):
        post(client, "/autosuggest", {"query_prefix": ""})
        post(client, "/autosuggest", {"query_prefix": "red", "explain": True})
    assert len(shop.suggest_calls) == 4


def test_models_that_are_late_or_overloaded_are_left_out_and_counted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_of(client)
    begun = threading.Event()

    def gather(query: SuggestQuery, deadline: float, generate: bool) -> Gathered:
        if generate:
            assert begun.wait(20)
        return Gathered(Typed("red", (), "red"), Pool(1.0), (), {}, complete=generate)

    def finish(gathered: Gathered, query: SuggestQuery, now: Now) -> SuggestReply:
        return SuggestReply((Suggestion("red", Source.HISTORY, 1.0),), (), {}, late=tuple(gathered.pool.late))

    state.models = dataclasses.replace(state.models, gather=gather, finish=finish)
    assert post(client, "/autosuggest", {"query_prefix": "red"}).json()["suggestions"] == ["red"]
    assert state.metrics.counts["late_models"] == 1
    begun.set()  # what the models found late is there for the next shopper
    in_service(client, asyncio.sleep, 0)
    for flight in list(state.candidates._flights.values()):
        in_service(client, asyncio.wait_for, flight, 20)
    post(client, "/autosuggest", {"query_prefix": "red"})
    assert state.candidates.counts.hits == 1
    monkeypatch.setattr(state.threads, "_limit", 0)
    assert post(client, "/autosuggest", {"query_prefix": "blue"}).status_code == 200
    assert state.metrics.counts["late_models"] == 2


def test_shown_lists_are_logged(client: TestClient) -> None:
    reply = post(client, "/autosuggest", {"query_prefix": "red r", "session_id": "mine"})
    state = state_of(client)
    in_service(client, state.writer.flush_lists)
    found = rows(client, "SELECT request_id, kind, session_id, query, artifact_version, arm, user_key FROM list_log")
    assert [tuple(row) for row in found] == [
        (reply.json()["request_id"], "suggest", stored_session(client, "mine"), "red r", "test-1", "default", None)
    ]


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        " ",
        "\t\n",
        "🔥",
        "👩‍👩‍👧",
        "שלום",
        "‮red",
        "é",
        "é",
        "ｒｅｄ",
        "' OR 1=1 --",
        "<script>",
        "%",
        "x" * 200,
        "\u200b",
        "ﷺ" * 50,
    ],
)
def test_any_text_is_answered(client: TestClient, prefix: str) -> None:
    assert post(client, "/autosuggest", {"query_prefix": prefix}).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"query_prefix": "x" * 201}, "query_prefix"),
        ({"query_prefix": "x" * 10_000}, "query_prefix"),
        ({"query_prefix": None}, "query_prefix"),
        ({"query_prefix": "a\x00b"}, "query_prefix"),
        ({"max_suggestions": 0}, "max_suggestions"),
        ({"max_suggestions": 21}, "max_suggestions"),
        ({"max_suggestions": "5"}, "max_suggestions"),
        ({"include_products": 7}, "include_products"),
        ({"explain": "yes"}, "explain"),
        ({"session_id": ""}, "session_id"),
        ({"user_id": "u" * 257}, "user_id"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_is_refused_by_name(client: TestClient, change: dict[str, object], field: str) -> None:
    reply = post(client, "/autosuggest", {"query_prefix": "red", **change})
    assert reply.status_code == 422
    assert reply.json()["code"] == "validation_error"
    assert [error["field"] for error in reply.json()["errors"]] == [field]


@hypothesis_settings(
    derandomize=True, max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(prefix=st.text(max_size=200, alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_no_text_breaks_it(client: TestClient, prefix: str) -> None:
    assert post(client, "/autosuggest", {"query_prefix": prefix}).status_code == 200
