"""/admin/products: what may be changed, what is refused, and that it is written when it is answered."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from config.security_settings import SecuritySettings
from config.settings import Settings, StorageSettings
from tests.api.calls import ADMIN_KEY, post, rows, state_of
from tests.api.small_shop import SmallShop

PRODUCTS = "/admin/products"
NOTHING = {"added": 0, "replaced": 0, "updated": 0, "deleted": 0, "unchanged": 0, "unknown": []}
WHOLE = {
    "title": "Green  Hat",
    "description": "warm",
    "brand": "Cloud",
    "category": "Hats",
    "price": 12.5,
    "currency": "€",
    "rating": 4.5,
    "rating_count": 3,
    "image_url": "https://x.test/hat.png",
    "in_stock": True,
    "created_at": "2025-01-31T13:00:00+01:00",
    "attributes": {"size": "M", "colour": " "},
}


@pytest.fixture(scope="module")
def refusing(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service for requests that change nothing: one for all of them."""
    home = tmp_path_factory.mktemp("refusing") / "home"
    shutil.copytree(stocked, home)
    settings = Settings(
        storage=StorageSettings(cadence_home=home),
        security=SecuritySettings.model_validate({"admin_api_key": ADMIN_KEY}),
    )
    with TestClient(create_app(settings, load=lambda *_: SmallShop().models())) as client:
        yield client
        assert rows(client, "SELECT count(*) FROM product_changes") == [(0,)]


def product(client: TestClient, product_id: str, admin: dict[str, str]) -> Any:
    reply = client.get(f"{PRODUCTS}/{product_id}", headers=admin)
    assert reply.status_code == 200, reply.text
    return reply.json()


def field_refused(reply: Any) -> str:
    assert reply.status_code == 422, reply.text
    return str(reply.json()["errors"][0]["field"])


def test_a_whole_product_is_added_read_and_replaced(client: TestClient, admin: dict[str, str]) -> None:
    added = client.put(f"{PRODUCTS}/hat/green 1", json=WHOLE, headers=admin)
    assert (added.status_code, added.json()) == (200, {"seq": 1, **NOTHING, "added": 1})
    assert product(client, "hat/green 1", admin) == {
        **WHOLE,
        "product_id": "hat/green 1",
        "title": "Green Hat",
        "created_at": "2025-01-31T12:00:00Z",
        "attributes": {"size": "M"},
    }
    again = client.put(f"{PRODUCTS}/hat/green 1", json=WHOLE, headers=admin)
    assert again.json() == {"seq": 1, **NOTHING, "unchanged": 1}
    replaced = client.put(f"{PRODUCTS}/hat/green 1", json={"title": "Plain hat"}, headers=admin)
    assert replaced.json() == {"seq": 2, **NOTHING, "replaced": 1}
    unknown = dict.fromkeys(WHOLE) | {"attributes": {}}
    assert product(client, "hat/green 1", admin) == unknown | {"product_id": "hat/green 1", "title": "Plain hat"}


def test_only_the_given_values_change_and_null_clears_one(client: TestClient, admin: dict[str, str]) -> None:
    before = product(client, "p1", admin)
    done = client.patch(f"{PRODUCTS}/p1", json={"price": 39.0, "rating": None}, headers=admin)
    assert done.json() == {"seq": 1, **NOTHING, "updated": 1}
    assert product(client, "p1", admin) == before | {"price": 39.0, "rating": None}


def test_what_is_deleted_is_gone(client: TestClient, admin: dict[str, str]) -> None:
    assert client.delete(f"{PRODUCTS}/p1", headers=admin).json() == {"seq": 1, **NOTHING, "deleted": 1}
    replies = [
        client.get(f"{PRODUCTS}/p1", headers=admin),
        client.delete(f"{PRODUCTS}/p1", headers=admin),
        client.patch(f"{PRODUCTS}/p1", json={"price": 1.0}, headers=admin),
    ]
    assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(404, "unknown_product")] * 3


def test_a_batch_is_made_together_and_names_what_it_did_not_find(client: TestClient, admin: dict[str, str]) -> None:
    batch = {
        "upserts": [{"product_id": "new", "title": "Green hat"}],
        "updates": [{"product_id": "p1", "in_stock": False}, {"product_id": "nobody", "price": 1.0}],
        "deletes": ["p2", "gone"],
    }
    done = post(client, f"{PRODUCTS}/batch", batch, admin)
    expected = NOTHING | {"added": 1, "updated": 1, "deleted": 1, "unknown": ["nobody", "gone"]}
    assert (done.status_code, done.json()) == (200, {"seq": 3, **expected})
    assert [tuple(row) for row in rows(client, "SELECT product_id, seq FROM product_changes ORDER BY seq")] == [
        ("new", 1), ("p1", 2), ("p2", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "!!"}, "title"),
        ({"title": "a", "price": -1}, "price"),
        ({"title": "a", "price": "5"}, "price"),
        ({"title": "a", "price": 1e13}, "price"),
        ({"title": "a", "rating": 5.1}, "rating"),
        ({"title": "a", "rating_count": 1.5}, "rating_count"),
        ({"title": "a", "rating_count": 2**31}, "rating_count"),
        ({"title": "a", "in_stock": "yes"}, "in_stock"),
        ({"title": "a", "created_at": 5}, "created_at"),
        ({"title": "a", "created_at": "0001-01-01T00:00:00+14:00"}, "created_at"),
        ({"title": "a", "brand": "\x00"}, "brand"),
        ({"title": "a", "attributes": {"size": 5}}, "attributes.size"),
        ({"title": "a", "colour": "red"}, "colour"),
        ({"title": "a", "product_id": "p1"}, "product_id"),
    ],
)
def test_what_is_no_product_is_refused_by_its_field(
    refusing: TestClient, admin: dict[str, str], body: dict[str, object], field: str
) -> None:
    assert field_refused(refusing.put(f"{PRODUCTS}/p9", json=body, headers=admin)) == field


def test_numbers_that_are_none_are_refused(refusing: TestClient, admin: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json", **admin}
    for number in ("NaN", "Infinity", "1e999"):
        reply = refusing.patch(f"{PRODUCTS}/p1", content=f'{{"price": {number}}}', headers=headers)
        assert reply.status_code in (400, 422), number


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"deletes": ["a", "a"]}, "body"),
        ({"deletes": ["a"], "upserts": [{"product_id": "a", "title": "A"}]}, "body"),
        ({"deletes": [""]}, "deletes.0"),
        ({"deletes": [f"{number}" for number in range(1_001)]}, "deletes"),
        ({"deletes": [f"{n}" for n in range(999)], "updates": [{"product_id": f"u{n}", "price": 1} for n in (1, 2)]},
         "body"),
        ({"updates": [{"product_id": "a"}]}, "updates.0"),
        ({"updates": [{"product_id": "a", "title": "A"}]}, "updates.0.title"),
        ({"upserts": [{"title": "A"}]}, "upserts.0.product_id"),
        ({"other": []}, "other"),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused(
    refusing: TestClient, admin: dict[str, str], body: dict[str, object], field: str
) -> None:
    assert field_refused(post(refusing, f"{PRODUCTS}/batch", body, admin)) == field


def test_an_update_says_something(refusing: TestClient, admin: dict[str, str]) -> None:
    assert field_refused(refusing.patch(f"{PRODUCTS}/p1", json={}, headers=admin)) == "body"


def test_only_operators_may(refusing: TestClient) -> None:
    replies = [
        refusing.get(f"{PRODUCTS}/p1"),
        refusing.put(f"{PRODUCTS}/p1", json=WHOLE),
        refusing.patch(f"{PRODUCTS}/p1", json={"price": 1.0}),
        refusing.delete(f"{PRODUCTS}/p1"),
        refusing.post(f"{PRODUCTS}/batch", json={"deletes": ["p1"]}),
    ]
    assert [reply.status_code for reply in replies] == [401] * 5


def test_a_shop_without_a_catalogue_has_none_to_change(settings: Settings, admin: dict[str, str]) -> None:
    shop = SmallShop(has_catalog=False)
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as client:
        refused = client.put(f"{PRODUCTS}/p1", json=WHOLE, headers=admin)
        assert (refused.status_code, refused.json()["code"]) == (409, "no_catalog")
        assert rows(client, "SELECT count(*) FROM products") == [(0,)]
        assert state_of(client).catalog.followed is None
