"""The lists, from the log to the rows that are learnt from: by hand where they are few, by known truth where many."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection

from core.domain import Action, Engagement
from core.personalization.features import FEATURES, LAYOUT
from data_generation.click_simulator import ClickModel, FloatArray, draw_lists, make_world, simulate_clicks
from database.connection import Database
from database.repositories.events import insert_new
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.taste_lists import TasteList, TasteLog, liking
from tests.training.reranking.simulated import bad, good, table_of
from training.reranking.learn import of_each
from training.reranking.lists import TasteTable, examination, packed, propensity_weights, training_rows

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def values(first: float, layout: float = LAYOUT) -> tuple[float, ...]:
    return (layout, first, *[0.0] * (len(FEATURES) - 1))


def shown(request_id: str, items: list[ShownItem], minute: int = 0, **known: str) -> ListLog:
    text = known.pop("query", "Red  Lamp")
    return ListLog(request_id, "search", "s", text, items_text(items), "v1", NOW + timedelta(minutes=minute), **known)  # type: ignore[arg-type]


def one_list(liked: list[float], first_rank: int = 1, shopper: str = "s") -> TasteList:
    size = len(liked)
    features = np.arange(size * len(FEATURES), dtype=np.float32).reshape(size, -1)
    ranks = np.arange(first_rank, first_rank + size, dtype=np.int32)
    return TasteList(
        "r", "q", shopper, "default", tuple("abcdefgh"[:size]), ranks, (1 / ranks).astype(np.float32),
        np.array(liked, np.float32), features,
    )  # fmt: skip


@pytest.mark.anyio
async def test_the_log_gives_lists_with_what_followed(database: Database) -> None:
    tasted = [
        ShownItem("p2", 22, "relevance", 0.8, taste=values(0.2)),
        ShownItem("p1", 21, "relevance", 0.9, taste=values(0.1)),
        ShownItem("p3", 23, "relevance", 0.1),  # too far down to be ranked by taste
    ]
    lists = [
        shown("r1", tasted),
        shown("nobody", [ShownItem("p1", 1, "relevance", 0.9)], 1),
        shown("cheap first", [ShownItem("p1", 1, "price_asc", 0.9, taste=values(0.1))], 2),
        shown("old", [ShownItem("p1", 1, "relevance", 0.9, taste=values(0.1, LAYOUT + 1))], 3),
        shown("short", [ShownItem("p1", 1, "relevance", 0.9, taste=values(0.1)[:-1])], 4),
        shown("r2", [ShownItem("p9", 1, "relevance", 0.9, taste=values(0.5))], 5, user_key="ada", arm="learned"),
    ]
    await database.commit(lambda connection: insert_lists(connection, lists))
    events = [
        Engagement("e1", Action.CLICK, NOW, session_id="s", item_id="p2", request_id="r1"),
        Engagement("e2", Action.WISHLIST, NOW, session_id="s", item_id="p2", request_id="r1"),
        Engagement("e3", Action.PURCHASE, NOW, session_id="another", item_id="p1", request_id="r1"),
        Engagement("e4", Action.IMPRESSION, NOW, session_id="s", item_id="p1", request_id="r1"),
    ]
    await database.commit(lambda connection: insert_new(connection, events, NOW))

    def read(connection: Connection, at_most: int = 100) -> tuple[list[TasteList], int]:
        log = TasteLog(connection, at_most)
        return list(log), log.other_layout

    (first, second), other_layout = await database.read(read)
    assert other_layout == 2
    assert (first.request_id, first.query, first.shopper, first.items) == ("r1", "red lamp", "s", ("p1", "p2"))
    assert first.ranks.tolist() == [21, 22] and first.liked.tolist() == [0, 3]
    assert first.features[:, 0].tolist() == pytest.approx([0.1, 0.2])
    assert (second.shopper, second.arm) == ("ada", "learned")
    newest, _ = await database.read(lambda connection: read(connection, 1))
    assert [one.request_id for one in newest] == ["r2"]


def test_what_counts_of_what_was_done() -> None:
    assert liking([Action.VIEW, Action.CLICK, Action.ADD_TO_CART]) == 5
    assert liking([Action.CLICK, Action.ADD_TO_CART, Action.REMOVE_FROM_CART]) == 2
    assert liking([Action.PURCHASE, Action.REMOVE_FROM_CART]) == 10
    assert liking([Action.IMPRESSION]) == liking([]) == 0


def test_one_group_a_click_with_its_weight() -> None:
    table = packed([one_list([0, 0, 0]), one_list([0, 10, 2]), one_list([2, 0], first_rank=21)])
    followed = table.followed()
    assert len(table) == 3 and len(followed) == 2
    seen = np.full(50, 0.01)
    seen[:3] = 1, 0.5, 0.25
    weights = propensity_weights(followed, seen)
    assert weights.tolist() == pytest.approx([0, 20, 8, 20, 0])  # far down: clipped at ten times
    assert propensity_weights(followed, None).tolist() == [0, 10, 2, 2, 0]
    rows = training_rows(followed, weights)
    assert rows.group.tolist() == [3, 3, 2]
    assert rows.label.tolist() == [0, 1, 0, 0, 0, 1, 1, 0]
    assert rows.weight.tolist() == pytest.approx([20, 20, 20, 8, 8, 8, 20, 20])
    np.testing.assert_array_equal(rows.features[:3], rows.features[3:6])
    np.testing.assert_array_equal(rows.features[6:], followed.features[3:])


def test_no_shopper_is_on_both_sides_of_a_split() -> None:
    table = packed([one_list([2, 0], shopper=f"s{number % 50}") for number in range(200)])
    learning, held_out = table.split(0.3, seed=1)
    assert len(learning) + len(held_out) == 200 and len(held_out) > 20
    assert not set(learning.shopper) & set(held_out.shopper)
    assert table.split(0.3, seed=1)[1].shopper == held_out.shopper != table.split(0.3, seed=2)[1].shopper
    assert len(packed([])) == len(packed([]).followed()) == len(table.split(0, 1)[1]) == 0


@pytest.mark.parametrize("final", [bad, good])
@pytest.mark.parametrize("eta", [0.6, 1.0])
def test_how_far_down_shoppers_look_is_found(final: Callable[[FloatArray], FloatArray], eta: float) -> None:
    lists = draw_lists(make_world(10), 6_000, 11, final, reach=0.3)
    model = ClickModel(eta)
    table = table_of(lists, simulate_clicks(lists.appeal, model, 12))
    found = examination(table, of_each(table, final))
    true = model.seen(np.arange(1, 21))
    assert found[0] == 1
    assert np.abs(found[:20] - true).mean() < 0.06
    assert 0.6 < found[9] / true[9] < 1.6


def test_nothing_shown_is_an_error() -> None:
    nothing: TasteTable = packed([])
    with pytest.raises(ValueError, match="nothing was shown"):
        examination(nothing, np.zeros(0, np.float32))
