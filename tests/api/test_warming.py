"""What is typed most is ready before anyone asks."""

import asyncio

from fastapi.testclient import TestClient

from api.main import create_app
from api.warming import Warming
from config.settings import Settings
from tests.api.calls import in_service, post, state_of
from tests.api.small_shop import SmallShop


def test_the_head_is_gathered_once_and_answered_from_the_cache(settings: Settings) -> None:
    shop = SmallShop(head=("red", "rain j", "red"))
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as client:
        state = state_of(client)
        warming = Warming(state)
        in_service(client, warming.warm, state.models, asyncio.Event())
        assert warming.prepared == 3
        assert sorted(query.prefix for query in shop.gather_calls) == ["rain j", "red"]
        lookups = state.candidates.counts.hits, state.candidates.counts.misses
        assert post(client, "/autosuggest", {"query_prefix": "Red"}).json()["suggestions"]
        assert len(shop.gather_calls) == 2
        assert (state.candidates.counts.hits, state.candidates.counts.misses) == (lookups[0] + 1, lookups[1])


def test_it_stops_when_told_to_and_when_another_version_is_served(settings: Settings) -> None:
    served, other = SmallShop(), SmallShop(head=("red", "rain"))
    with TestClient(create_app(settings, load=lambda *_: served.models())) as client:
        state, stop = state_of(client), asyncio.Event()
        in_service(client, Warming(state).warm, other.models(), stop)
        stop.set()
        state.models = other.models()
        in_service(client, Warming(state).warm, state.models, stop)
    assert other.gather_calls == []
