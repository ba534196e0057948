"""What the storefront's pages ask beside suggestions and searches: GET /storefront, POST /browse, GET /products."""

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from api.main import create_app
from config.settings import ServingSettings, Settings
from core.demo_shoppers import FILE, DemoShopper, save_demo_shoppers
from tests.api.calls import in_service, post, rows, start_session, state_of
from tests.api.small_shop import SmallShop


def test_a_storefront_begins_with_its_departments(client: TestClient) -> None:
    body = client.get("/storefront").json()
    assert body["departments"] == [{"category": "Shoes", "product_count": 4}]
    assert body["image_hosts"] == []


def test_a_shop_without_a_catalogue_has_no_departments(settings: Settings) -> None:
    with TestClient(create_app(settings, load=lambda *_: SmallShop(has_catalog=False).models())) as client:
        assert client.get("/storefront").json()["departments"] == []
        assert post(client, "/browse", {}).json()["code"] == "no_catalog"


def test_shoppers_to_try_are_those_of_the_home(client: TestClient, settings: Settings) -> None:
    home = settings.storage.cadence_home
    save_demo_shoppers(home, [DemoShopper("demo-gamer", "gamer", "Gamer", "Plays.", ("Video Games",))])
    gamer = {"user_id": "demo-gamer", "name": "Gamer", "about": "Plays.", "favourites": ["Video Games"]}
    assert client.get("/storefront").json()["shoppers"] == [gamer]
    (home / FILE).write_text("[1]", encoding="utf-8")
    assert client.get("/storefront").json()["shoppers"] == []  # the shop opens without them, and says so
    assert state_of(client).metrics.counts["demo_shoppers_unreadable"] == 1


def test_a_department_is_browsed_like_a_search_and_logged_as_what_it_is(client: TestClient) -> None:
    session = start_session(client, "mary")
    reply = post(client, "/browse", {"filters": {"category": "Jackets"}, "max_results": 1, "explain": True}, session)
    body = reply.json()
    assert [product["product_id"] for product in body["products"]] == ["p3"]
    assert (body["total_results"], body["stage_ms"]) == (2, {"lexical": 1.0})
    in_service(client, state_of(client).writer.flush_lists)
    in_service(client, state_of(client).writer.flush_events)
    [shown] = rows(client, "SELECT kind, query, request_id FROM list_log")
    assert (shown.kind, shown.query, shown.request_id) == ("browse", "", body["request_id"])
    assert rows(client, "SELECT * FROM events") == []  # nobody typed a query
    assert post(client, "/browse", {"query": "shoes"}).status_code == 422


@pytest.mark.parametrize(
    ("path", "body"), [("/search", {"query": "red"}), ("/browse", {}), ("/autosuggest", {"query_prefix": "r"})]
)
def test_a_preview_leaves_no_trace(client: TestClient, path: str, body: dict[str, str]) -> None:
    reply = post(client, path, {**body, "preview": True, "explain": True}, start_session(client, "mary"))
    assert reply.status_code == 200 and reply.json()["stage_ms"]
    in_service(client, state_of(client).writer.flush_lists)
    in_service(client, state_of(client).writer.flush_events)
    assert rows(client, "SELECT * FROM list_log") == rows(client, "SELECT * FROM events") == []


def test_stages_are_told_to_those_who_ask_for_an_explanation(client: TestClient) -> None:
    assert "stage_ms" not in post(client, "/search", {"query": "red"}).json()
    assert "stage_ms" not in post(client, "/autosuggest", {"query_prefix": "r"}).json()


def test_a_product_is_shown_to_shoppers_without_the_shops_margin(client: TestClient, admin: dict[str, str]) -> None:
    product = {"title": "Umbrella", "price": 12, "attributes": {"colour": "Red", "margin": "0.6"}}
    client.put("/admin/products/a/b", json=product, headers=admin)
    body = client.get("/products/a/b").json()
    assert (body["product_id"], body["title"], body["price"]) == ("a/b", "Umbrella", 12)
    assert body["attributes"] == {"colour": "Red"}
    gone = client.get("/products/nothing")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_product")


def test_pictures_of_named_hosts_may_be_shown(settings: Settings) -> None:
    hosts = ServingSettings.model_validate({"image_hosts": "images.example.com, *.cdn.example"})
    settings = settings.model_copy(update={"serving": hosts})
    with TestClient(create_app(settings, load=lambda *_: SmallShop().models())) as client:
        assert client.get("/storefront").json()["image_hosts"] == ["images.example.com", "*.cdn.example"]
        policy = client.get("/").headers["Content-Security-Policy"]
        assert "img-src 'self' data: https://images.example.com https://*.cdn.example;" in policy


@pytest.mark.parametrize(
    "hosts", ["https://images.example.com", "a.example; script-src *", "*", "a b", "'unsafe-inline'"]
)
def test_what_is_no_host_is_refused(hosts: str) -> None:
    with pytest.raises(ValidationError, match="names of hosts"):
        ServingSettings.model_validate({"image_hosts": hosts})


def test_files_come_small_and_answers_do_not_wait_for_it(client: TestClient) -> None:
    packed = client.get("/static/cadence-search.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) <= 12_000
    plain = post(client, "/autosuggest", {"query_prefix": "r"}, {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
