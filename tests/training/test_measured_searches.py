"""On which searches two versions are compared, and that a worse one really loses."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import Settings, SuggestSettings
from core.domain import Action, Engagement, Source, WeightedQuery
from core.language_model.corpus import is_held_out
from core.retrieval.completions import build_completions
from core.services.bundle import Bundle, load_bundle
from core.services.suggest import SuggestService
from database.connection import Database
from database.repositories.demo_traffic import DEMO_SHOPPERS
from database.repositories.events import EventRepository
from database.repositories.imports import ImportRepository
from tests.trained_shop import TrainedShop
from training.evaluation.autosuggest import random_prefixes, suggested
from training.gate import compare
from training.measured_searches import (
    AT_LEAST,
    AT_MOST,
    complete_both,
    newest_searches,
    unlearnt_queries,
    without_lines,
)
from training.shop_data import FILES, LEARNT_BEFORE, read_shop, wanted_version

NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lenient(settings: Settings) -> Settings:
    return settings.model_copy(update={"suggest": SuggestSettings(suggestion_min_shoppers=2)})


@pytest.fixture(scope="module")
def bundle(trained_shop: TrainedShop) -> Bundle:
    return load_bundle(Path(trained_shop.home) / "artifacts")


async def search(database: Database, count: int, step: timedelta = MINUTE) -> None:
    """Shopper n searches for "query <n % 7>" at minute n."""
    batch = [Engagement(f"e{n}", Action.SEARCH, NOW + n * step, f"s{n}", query=f"query {n % 7}") for n in range(count)]
    async with database.transaction() as session:
        await EventRepository(session).add_many(batch, NOW)


@pytest.mark.anyio
async def test_the_last_tenth_is_kept_back(database: Database, lenient: Settings) -> None:
    await search(database, 600)
    newest = await newest_searches(database, lenient, None)
    assert newest is not None
    assert len(newest.texts) == 60 and newest.since == NOW + 540 * MINUTE
    assert newest.texts[:2] == ("query 4", "query 3")  # minutes 599 and 598
    queries = (await read_shop(database, lenient, newest.since)).queries
    assert sum(query.weight for query in queries) == 540
    later = await newest_searches(database, lenient, NOW + 500 * MINUTE)
    assert later is not None and len(later.texts) == AT_LEAST and later.since == NOW + 550 * MINUTE


@pytest.mark.anyio
async def test_too_little_is_not_measured_on(database: Database, lenient: Settings) -> None:
    assert await newest_searches(database, lenient, None) is None
    await search(database, 2 * AT_LEAST - 1)
    assert await newest_searches(database, lenient, None) is None
    await search(database, 2 * AT_LEAST)
    assert await newest_searches(database, lenient, None) is not None
    assert await newest_searches(database, lenient, NOW + MINUTE) is None


@pytest.mark.anyio
async def test_a_log_that_knows_no_times_of_day_is_not_split(database: Database, lenient: Settings) -> None:
    await search(database, 300, step=timedelta())
    assert await newest_searches(database, lenient, None) is None


@pytest.mark.anyio
async def test_a_version_is_named_by_what_it_learnt(database: Database, lenient: Settings) -> None:
    empty = await wanted_version(database, lenient, "tiny", 0)
    assert empty.files == empty.fingerprint and empty.facts[LEARNT_BEFORE] is None
    await search(database, 300)
    full = await wanted_version(database, lenient, "tiny", 0)
    assert full.files == empty.files == full.facts[FILES] and full.fingerprint != empty.fingerprint
    assert full.facts[LEARNT_BEFORE] == (NOW + 299 * MINUTE + timedelta(microseconds=1)).isoformat()
    part = await wanted_version(database, lenient, "tiny", 0, NOW + 200 * MINUTE)
    assert part.fingerprint not in (full.fingerprint, empty.fingerprint)
    assert part.facts[LEARNT_BEFORE] == (NOW + 200 * MINUTE).isoformat()
    lone = lenient.model_copy(update={"suggest": SuggestSettings(suggestion_min_shoppers=301)})
    assert (await wanted_version(database, lone, "tiny", 0)).fingerprint == empty.fingerprint
    other = await wanted_version(database, lenient, "tiny", 1)
    assert other.files != full.files


@pytest.mark.anyio
async def test_demo_shoppers_make_no_other_version(database: Database, lenient: Settings) -> None:
    """They come after the training: a second start would train anew."""
    before = await wanted_version(database, lenient, "tiny", 0)
    async with database.transaction() as session:
        number = await ImportRepository(session).begin(DEMO_SHOPPERS, "demo shoppers", "a" * 64, {})
        assert number is not None
        await ImportRepository(session).finish(number, {})
    assert await wanted_version(database, lenient, "tiny", 0) == before


def test_what_no_model_learns_from_is_drawn_by_seed() -> None:
    queries = [WeightedQuery(f"query {number}", 1.0) for number in range(30_000)]
    drawn = unlearnt_queries(queries, seed=0)
    assert len(drawn) == AT_MOST == len(set(drawn))
    assert all(is_held_out(text) for text in drawn)
    assert drawn == unlearnt_queries(queries, seed=0) != unlearnt_queries(queries, seed=1)


def test_lines_can_be_left_out_of_a_version(bundle: Bundle) -> None:
    known = next(entry for entry in bundle.completions.entries() if entry.source is Source.HISTORY)
    without = without_lines(bundle, [known.text, "not in any index"])
    assert len(without.completions) == len(bundle.completions) - 1
    assert known.text not in without.completions and known.text in bundle.completions


def test_a_version_without_its_index_loses_against_the_whole_one(bundle: Bundle) -> None:
    """Real lists of a real shop: the poorer version is refused, and the richer one may replace it."""
    texts = [entry.text for entry in bundle.completions.entries() if entry.source is Source.HISTORY][:60]
    poor = dataclasses.replace(bundle, completions=build_completions([]))
    told: list[float] = []
    whole, worse = complete_both(bundle, poor, texts, 0, lambda share, _: told.append(share))
    assert told[-1] == 1.0
    refused = compare(whole, worse)
    assert not refused.accepted and "Success@10" in refused.reasons[0]
    assert compare(worse, whole).accepted
    prefix, query = next(random_prefixes(texts, 0))
    ranked = [line.text for line in suggested(SuggestService(bundle), prefix)]
    assert whole[0].success == float(query in ranked)


def test_prefixes_are_shorter_than_their_query_and_drawn_by_seed() -> None:
    drawn = list(random_prefixes(["abcdef", "a", "", "xy"], seed=3))
    assert [query for _, query in drawn] == ["abcdef", "xy"]
    assert all(query.startswith(prefix) and 0 < len(prefix) < len(query) for prefix, query in drawn)
    assert drawn == list(random_prefixes(["abcdef", "a", "", "xy"], seed=3))
