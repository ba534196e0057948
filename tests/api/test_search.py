"""POST /search."""

import json

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

import database.writer
from api.main import create_app
from config.settings import Settings
from tests.api.calls import in_service, post, rows, start_session, state_of, stored_session
from tests.api.small_shop import SmallShop


def test_the_reply_has_every_field_of_the_contract(client: TestClient) -> None:
    reply = post(client, "/search", {"query": "Red", "max_results": 1})
    assert reply.status_code == 200
    body = reply.json()
    assert body["products"] == [
        {
            "product_id": "p1",
            "title": "Red Running Shoes",
            "brand": "Fleet",
            "category": "Shoes",
            "price": 59.0,
            "currency": None,
            "rating": 4.5,
            "rating_count": 12,
            "image_url": None,
            "in_stock": None,
            "score": 0.5,
        }
    ]
    assert body["total_results"] == 2
    assert body["personalized"] is False
    assert body["response_time_ms"] > 0
    assert body["session_id"]
    assert body["request_id"] == reply.headers["X-Request-ID"]
    assert body["facets"] == {
        "category": [{"value": "Shoes", "count": 2}],
        "brand": [],
        "price": [],
        "rating": [],
        "in_stock": 0,
        "attributes": {},
    }
    assert "corrected_query" not in body
    assert "relaxed" not in body


def test_pages_filters_and_explanations(client: TestClient) -> None:
    second = post(client, "/search", {"query": "red", "max_results": 1, "offset": 1, "explain": True}).json()
    assert [(product["product_id"], product["explain"]) for product in second["products"]] == [("p3", {"lexical": 0.5})]
    for category in ("Jackets", ["Jackets"], ["Hats", "Jackets"]):
        filtered = post(client, "/search", {"query": "red", "filters": {"category": category}}).json()
        assert [product["product_id"] for product in filtered["products"]] == ["p3"]


def test_a_completed_query_is_remembered_once_for_its_first_page(client: TestClient) -> None:
    session = start_session(client, "mary")
    first = post(client, "/search", {"query": "Red Shoes"}, session).json()
    post(client, "/search", {"query": "Red Shoes", "offset": 1, "request_id": first["request_id"]}, session)
    post(client, "/search", {"query": "nothing like this"}, session)
    in_service(client, state_of(client).writer.flush_events)
    [event] = rows(client, "SELECT action, query, normalized, session_id, user_key, request_id FROM events")
    assert (event.action, event.query, event.normalized) == ("search", "Red Shoes", "red shoes")
    assert (event.session_id, event.request_id) == (
        stored_session(client, first["session_id"]),
        first["request_id"],
    )
    assert event.user_key == state_of(client).gate.users.key("mary")


def test_the_shown_order_is_logged_with_absolute_ranks(client: TestClient) -> None:
    page = post(client, "/search", {"query": "jacket", "offset": 1}).json()
    in_service(client, state_of(client).writer.flush_lists)
    [shown] = rows(client, "SELECT request_id, items FROM list_log")
    assert shown.request_id == page["request_id"]
    [item] = json.loads(shown.items)
    assert item == {"item": "p'4", "rank": 2, "source": "relevance", "score": 0.5, "features": {"lexical": 0.5}}


def test_a_search_is_answered_though_its_event_cannot_be_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_of(client)

    async def fail(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(state.writer, "_commit", fail)
        assert post(client, "/search", {"query": "red"}).status_code == 200
        in_service(client, state.writer.flush_events)
    with monkeypatch.context() as full:
        full.setattr(database.writer, "MAX_EVENTS_WAITING", 0)
        assert post(client, "/search", {"query": "red"}).status_code == 200
    assert state.writer.events_lost == 2


def test_without_a_catalogue_search_says_so_and_suggestions_work(settings: Settings) -> None:
    shop = SmallShop(has_catalog=False)
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as client:
        refused = post(client, "/search", {"query": "red"})
        assert refused.status_code == 409
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["code"] == "no_catalog"
        assert post(client, "/autosuggest", {"query_prefix": "red"}).status_code == 200


def test_more_than_can_wait_are_told_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_of(client).threads, "_limit", 0)
    reply = post(client, "/search", {"query": "red"})
    assert reply.status_code == 503
    assert reply.json()["code"] == "overloaded"
    assert int(reply.headers["Retry-After"]) > 0


@pytest.mark.parametrize("query", [" ", "🔥", "x" * 500, "' OR 1=1 --", 'c++ 1/2"', "‏שלום", "\u202ered", "a\nb"])
def test_any_text_is_answered(client: TestClient, query: str) -> None:
    assert post(client, "/search", {"query": query}).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "x" * 501}, "query"),
        ({"query": "a\x00"}, "query"),
        ({"max_results": 101}, "max_results"),
        ({"offset": -1}, "offset"),
        ({"offset": 10**30}, "offset"),
        ({"sort": "cheapest"}, "sort"),
        ({"filters": {"price_min": "1"}}, "filters.price_min"),
        ({"filters": {"price_min": 5, "price_max": 4}}, "filters.price_max"),
        ({"filters": {"rating_min": 6}}, "filters.rating_min"),
        ({"filters": {"color": "red"}}, "filters.color"),
        ({"filters": {"attributes": {"size": "M"}}}, "filters.attributes.size"),
    ],
)
def test_what_cannot_be_is_refused_by_name(client: TestClient, change: dict[str, object], field: str) -> None:
    reply = post(client, "/search", {"query": "red", **change})
    assert reply.status_code == 422
    assert field in [error["field"] for error in reply.json()["errors"]]


def test_a_product_that_left_the_catalogue_is_not_shown(client: TestClient) -> None:
    async def remove() -> None:
        async with state_of(client).database.transaction() as session:
            await (await session.connection()).exec_driver_sql("DELETE FROM products WHERE product_id = 'p1'")

    in_service(client, remove)
    products = post(client, "/search", {"query": "red"}).json()["products"]
    assert [product["product_id"] for product in products] == ["p3"]
