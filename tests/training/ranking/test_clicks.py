"""The bias of positions is taken out: clicks made with known truth give it back."""

from datetime import UTC, datetime

import numpy as np
import pytest

from core.domain import Action, Engagement
from database.connection import Database
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.shown_searches import Impression, impressions
from database.writer import EventWriter
from training.ranking.clicks import CLICKS, appeal, graded

SEEN = 1 / np.arange(1, 11) ** 0.8  # how likely each rank is looked at
LIKED = np.linspace(0.05, 0.7, 10)  # of the ten products of each query


def simulated(lists: int = 6_000) -> list[Impression]:
    """Ten products of forty queries, the ones that are liked least mostly on top."""
    generator = np.random.default_rng(0)
    shown = []
    for _ in range(lists):
        order = np.argsort(np.arange(10) + generator.normal(0, 4, 10))
        query = f"q{generator.integers(40)}"
        for rank, product in enumerate(order, 1):
            clicked = generator.random() < SEEN[rank - 1] * LIKED[product]
            shown.append(Impression(query, f"p{product}", rank, bool(clicked)))
    return shown


def test_what_is_liked_is_told_from_what_stood_on_top() -> None:
    shown = simulated()
    found = appeal(shown)
    assert found.seen[:10] == pytest.approx(SEEN, abs=0.06)
    liked = [
        np.mean([v for (_, p), v in zip(found.pairs, found.appeal, strict=True) if p == f"p{n}"]) for n in range(10)
    ]
    assert liked == pytest.approx(LIKED, abs=0.07)
    grades = graded(found, frozenset((one.query, one.product_id) for one in shown if one.clicked))
    right = [max(judged, key=lambda product: judged[product]) in ("p9", "p8") for judged in grades.values()]
    assert np.mean(right) > 0.8
    clicks = {one.query: [0] * 10 for one in shown}
    for one in shown:
        clicks[one.query][int(one.product_id[1:])] += one.clicked
    naive = [int(np.argmax(counts)) in (9, 8) for counts in clicks.values()]
    assert np.mean(right) > np.mean(naive)  # counting clicks falls for the position


def test_nothing_shown_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was shown"):
        appeal([])


@pytest.mark.anyio
async def test_lists_and_clicks_are_joined_by_request(database: Database) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    items = items_text([ShownItem("p1", 1, "relevance", 0.9), ShownItem("p2", 2, "relevance", 0.8)])
    by_price = items_text([ShownItem("p3", 1, "price_asc", 0.9)])
    lists = [
        ListLog("r1", "search", "s", "Red  Lamp", items, "v1", now),
        ListLog("r2", "search", "s", "red lamp", by_price, "v1", now),
        ListLog("r3", "suggest", "s", "re", items, "v1", now),
    ]
    await database.commit(lambda connection: insert_lists(connection, lists))
    writer = EventWriter(database)
    writer.start()
    events = [
        Engagement("e1", Action.CLICK, now, session_id="s", item_id="p2", request_id="r1"),
        Engagement("e2", Action.IMPRESSION, now, session_id="s", item_id="p1", request_id="r1"),
        Engagement("e3", Action.CLICK, now, session_id="s", item_id="p1", request_id="r9"),
    ]
    for event in events:
        await writer.append(event)
    await writer.close()
    found = await database.read(lambda connection: impressions(connection, CLICKS))
    assert found == [Impression("red lamp", "p1", 1, False), Impression("red lamp", "p2", 2, True)]
