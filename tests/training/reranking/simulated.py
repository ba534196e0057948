"""Simulated lists as the log gives them, and how good an order truly is."""

import numpy as np

from core.personalization.features import FEATURES, PLACE
from core.personalization.reranker import Reranker
from data_generation.click_simulator import Clicks, FloatArray, SimulatedLists
from database.repositories.taste_lists import TasteList
from training.reranking.lists import TasteTable, packed


def bad(features: FloatArray) -> FloatArray:
    """What shoppers hardly care for, and prices that do not suit: in [0, 1]."""
    own, distance = features[:, PLACE["own_season"]], features[:, PLACE["price_distance"]]
    return np.asarray(np.clip(0.7 * own + 0.3 * distance, 0, 1), np.float32)


def good(features: FloatArray) -> FloatArray:
    """About what shoppers care for."""
    own, brand, distance = (features[:, PLACE[name]] for name in ("own_season", "brand", "price_distance"))
    return np.asarray(np.clip(0.4 + 0.35 * own + 0.9 * brand - 0.25 * distance, 0, 1), np.float32)


def table_of(lists: SimulatedLists, clicks: Clicks) -> TasteTable:
    liked = np.select([clicks.bought, clicks.carted, clicks.clicked], [10.0, 5.0, 2.0]).astype(np.float32)
    ranks = np.arange(1, lists.product.shape[1] + 1, dtype=np.int32)
    return packed(
        TasteList(
            f"r{at}",
            f"q{lists.query[at]}",
            f"s{lists.shopper[at]}",
            "default",
            tuple(f"p{product}" for product in lists.product[at]),
            ranks,
            lists.score[at],
            liked[at],
            lists.features[at],
        )
        for at in range(len(lists.query))
    )


def shown_ndcg(lists: SimulatedLists) -> float:
    return _true_ndcg(lists, -np.broadcast_to(np.arange(lists.product.shape[1]), lists.product.shape))


def learnt_ndcg(lists: SimulatedLists, reranker: Reranker) -> float:
    """By the learnt order alone, without relevance."""
    scores = reranker.final(lists.features.reshape(-1, len(FEATURES)))
    return _true_ndcg(lists, scores.reshape(lists.product.shape))


def _true_ndcg(lists: SimulatedLists, scores: np.ndarray) -> float:
    """Of the appeals, which no log holds."""
    discount = 1 / np.log2(np.arange(2, scores.shape[1] + 2))
    order = np.argsort(-scores, axis=1, kind="stable")
    got = (np.take_along_axis(lists.appeal, order, 1) * discount).sum(1)
    return float((got / (-np.sort(-lists.appeal, 1) * discount).sum(1)).mean())
