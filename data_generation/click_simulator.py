"""Shoppers who look at lists from the top and click what suits them: logged lists whose truth is known.

    p(click) = θ(rank) · appeal,   θ(rank) = rank^−η,   appeal = σ(relevance and taste)

The position-based model (Richardson et al. 2007; Craswell et al. 2008). What a shopper buys is a share of what was put
into the cart, and that a share of what was clicked, the larger the more it appeals. Nothing here learns: a reranker is
trained on what `records` writes, and judged by `appeal`, which no log holds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from core.domain import Action, Engagement
from core.personalization.features import FEATURES, LAYOUT, PLACE
from database.repositories.lists import ListLog, ShownItem, items_text

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

TASTE: Mapping[str, float] = {"own_season": 1.0, "brand": 5.0, "price_distance": -1.5}  # the true weights
_BRANDS = 12
_OWNED = 0.15  # share of a list's products that a shopper dealt with before
_BETWEEN_LISTS = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class ClickModel:
    """How lists are looked through. `eta` ≥ 0: 0 looks at all ranks alike. Shares in [0, 1]."""

    eta: float = 1.0
    cart: float = 0.4  # of the clicked, at full appeal
    purchase: float = 0.5  # of what is in the cart

    def seen(self, ranks: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """θ of 1-based `ranks`, of any shape."""
        return np.asarray(ranks.astype(np.float64) ** -self.eta)


@dataclass(frozen=True, slots=True)
class Clicks:
    """`(L, R)` each: what is bought was in the cart, and that was clicked."""

    clicked: BoolArray
    carted: BoolArray
    bought: BoolArray


@dataclass(frozen=True, slots=True)
class World:
    """Q queries with M products each of P products, S shoppers; what is true of them."""

    relevance: FloatArray  # (Q, M) in [0, 1]
    pool: IntArray  # (Q, M) products
    brand: IntArray  # (P,)
    price: FloatArray  # (P,) log, 0 in the middle
    popularity: FloatArray  # (P,)
    drawn: FloatArray  # (S, brands) shares
    wallet: FloatArray  # (S,) the log price that suits
    taste: Mapping[str, float] = field(default_factory=lambda: TASTE)
    relevance_weight: float = 1.5
    level: float = -2.5  # log odds of a click on what is looked at and has neither relevance nor taste


@dataclass(frozen=True, slots=True)
class SimulatedLists:
    """L lists of R products, each in the order shown: rank 1 first. `(L, R)` unless said otherwise."""

    query: IntArray  # (L,)
    shopper: IntArray  # (L,)
    product: IntArray
    features: FloatArray  # (L, R, F), as `core.personalization.features.FEATURES`
    score: FloatArray  # what they were ordered by, in [0, 1]
    base: FloatArray  # the same without taste
    appeal: FloatArray  # the truth: probability of a click where it is looked at


def make_world(
    seed: int, queries: int = 40, products: int = 400, shoppers: int = 300, pool: int = 20, spread: float = 0.2
) -> World:
    """A shop; relevance within a query's pool is uniform over `spread`. Raises ValueError for a pool > products."""
    if pool > products:
        raise ValueError(f"{products} products are too few for pools of {pool}")
    generator = np.random.default_rng(seed)
    return World(
        relevance=(0.5 + spread * (generator.random((queries, pool)) - 0.5)).astype(np.float32),
        pool=np.stack([generator.permutation(products)[:pool] for _ in range(queries)]),
        brand=generator.integers(0, _BRANDS, products),
        price=generator.normal(0, 0.5, products).astype(np.float32),
        popularity=generator.normal(0, 1, products).astype(np.float32),
        drawn=generator.dirichlet(np.full(_BRANDS, 0.3), shoppers).astype(np.float32),
        wallet=generator.normal(0, 0.4, shoppers).astype(np.float32),
    )


def draw_lists(
    world: World,
    count: int,
    seed: int,
    final: Callable[[FloatArray], FloatArray],
    reach: float = 0.1,
    jitter: float = 0.03,
) -> SimulatedLists:
    """`count` lists, ordered by relevance + `reach` · `final`, which maps features `(R, F)` to `(R,)` in [0, 1].

    `jitter`: standard deviation of what else moves the base score between two lists, such as stock and new products.
    """
    generator = np.random.default_rng(seed)
    query = generator.integers(0, len(world.pool), count)
    shopper = generator.integers(0, len(world.drawn), count)
    product = world.pool[query]
    features = _features(world, shopper, product, generator)
    known = sum(weight * features[..., PLACE[name]] for name, weight in world.taste.items())
    spread = max(float(np.ptp(world.relevance)), 1e-6)
    relevance = (world.relevance[query] - float(world.relevance.mean())) / spread
    odds = world.level + world.relevance_weight * relevance + known
    appeal = (1 / (1 + np.exp(-odds))).astype(np.float32)
    base = world.relevance[query] + generator.normal(0, jitter, product.shape)
    score = np.clip(base + reach * np.stack([final(table) for table in features]), 0, 1)
    order = np.argsort(-score, axis=1, kind="stable")
    by_rank = [np.take_along_axis(values, order, 1) for values in (product, score, base, appeal)]
    return SimulatedLists(
        query,
        shopper,
        by_rank[0],
        np.take_along_axis(features, order[..., None], 1),
        by_rank[1].astype(np.float32),
        by_rank[2].astype(np.float32),
        by_rank[3],
    )


def simulate_clicks(appeal: FloatArray, model: ClickModel, seed: int) -> Clicks:
    """What shoppers do with lists of these `appeal`s `(L, R)`, the product at rank 1 first."""
    generator = np.random.default_rng(seed)
    seen = model.seen(np.arange(1, appeal.shape[1] + 1))
    chance = generator.random((3, *appeal.shape))
    clicked = chance[0] < seen * appeal
    carted = clicked & (chance[1] < model.cart * appeal)
    return Clicks(clicked, carted, carted & (chance[2] < model.purchase))


def records(
    lists: SimulatedLists, clicks: Clicks, product_ids: list[str], start: datetime, version: str, prefix: str = "sim"
) -> Iterator[tuple[ListLog, list[Engagement]]]:
    """Each list as the service logs it, and the events that followed; `product_ids` names products by number.

    Every list is a visit of its own; ids begin with `prefix`. A shopper's key is no hash of anybody.
    """
    followed = (Action.CLICK, clicks.clicked), (Action.ADD_TO_CART, clicks.carted), (Action.PURCHASE, clicks.bought)
    for at, (query, shopper) in enumerate(zip(lists.query.tolist(), lists.shopper.tolist(), strict=True)):
        request, session, key = f"{prefix}-{at}", f"{prefix}-s{at}", f"{prefix}-shopper-{shopper}"
        text, when = f"simulated query {query}", start + at * _BETWEEN_LISTS
        items, events = [], []
        for place, product in enumerate(lists.product[at].tolist()):
            item = product_ids[product]
            taste = (LAYOUT, *np.round(lists.features[at, place].astype(np.float64), 4).tolist())
            items.append(ShownItem(item, place + 1, "relevance", float(lists.score[at, place]), taste=taste))
            for action, done in followed:
                if done[at, place]:
                    event = Engagement(f"{request}-{place}-{action.value}", action, when + timedelta(seconds=5 + place))
                    of_it = {"item_id": item, "item_rank": place + 1, "session_id": session, "user_key": key}
                    events.append(replace(event, **of_it, query=text, request_id=request))
        yield ListLog(request, "search", session, text, items_text(items), version, when, key), events


def _features(world: World, shopper: IntArray, product: IntArray, generator: np.random.Generator) -> FloatArray:
    """`(L, R, F)`: what is known of each shopper's own dealings, brands and prices, and columns of mere noise."""
    table = np.zeros((*product.shape, len(FEATURES)), np.float32)
    shares = world.drawn[shopper[:, None], world.brand[product]]
    owned = generator.random(product.shape) < _OWNED
    table[..., PLACE["own_season"]] = np.where(owned, generator.random(product.shape), 0)
    table[..., PLACE["brand"]] = shares
    table[..., PLACE["price"]] = world.price[product]
    table[..., PLACE["price_distance"]] = np.abs(world.price[product] - world.wallet[shopper][:, None])
    table[..., PLACE["popularity"]] = world.popularity[product]
    table[..., PLACE["age"]] = np.where(owned, generator.uniform(0, 4, product.shape), 7)
    for name in ("trend", "habit", "cohort", "gap"):
        table[..., PLACE[name]] = generator.normal(0, 0.5, product.shape)
    return table
