"""Demo shoppers in the running service: who signs in as one of them gets that one's lists."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from config.security_settings import SecuritySettings
from config.settings import PersonalizationSettings, Settings, StorageSettings, SuggestSettings
from core.demo_shoppers import load_demo_shoppers
from data_generation import demo_shoppers
from tests.api.calls import ADMIN_KEY, post, rows, start_session, state_of
from tests.trained_shop import TrainedShop


@pytest.fixture
def client(trained_shop: TrainedShop, home: Path) -> Iterator[TestClient]:
    shutil.copytree(trained_shop.home, home)
    assert demo_shoppers.main(["--home", str(home)]) == 0
    settings = Settings(
        storage=StorageSettings(cadence_home=home),
        suggest=SuggestSettings(max_latency_ms=10_000),
        personalization=PersonalizationSettings(exploration_share=0.0),
        security=SecuritySettings.model_validate({"admin_api_key": ADMIN_KEY}),
    )
    with TestClient(create_app(settings)) as client:
        yield client


def products(client: TestClient, query: str, user_id: str | None) -> list[str]:
    """The first products of /search, which waits for the profile."""
    reply = post(client, "/search", {"query": query, "max_results": 10}, start_session(client, user_id)).json()
    assert reply["personalized"] == (user_id is not None)
    return [product["product_id"] for product in reply["products"]]


def test_two_of_them_get_different_products_for_the_same_words(client: TestClient, home: Path) -> None:
    users = [one.user_id for one in load_demo_shoppers(home)]
    found = {user: products(client, "black", user) for user in users}
    assert len({tuple(lists) for lists in found.values()}) >= 4
    assert len({lists[0] for lists in found.values()}) >= 2


def test_the_shop_has_no_traffic_because_of_them(client: TestClient) -> None:
    assert rows(client, "SELECT count(*) FROM events")[0][0] > 1_000
    state = state_of(client)
    assert state.shoppers.crowd_events == 0
    assert state.trending.queries == ()
