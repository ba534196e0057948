"""Products → a world to shop in: of a made-up shop, whose words we know, or of anybody's catalogue.

Every product *offers* queries: what people who want it would type, with weights. Queries offered by many products are
broad ("running shoes"), by few are narrow; what a query shows is the products that offer it, the popular ones first.
That stands in for a search engine while the log is made; `data_generation.closed_loop` asks the real one instead.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from core.domain import Product
from data_generation.calibration import Calibration
from data_generation.catalog import ShopProduct
from data_generation.demand import gets_used_up
from data_generation.queries import candidates, typed
from data_generation.title_queries import TitleQueries
from data_generation.world import COMPLETIONS, LONGEST_PREFIX, SHOWN, World

Offer = tuple[str, float]
"""A query as it is typed, and its weight among those of its product."""

_OTHER = "other"  # department of what has no category, where most products have one
_MOST_WORDS = 63  # bits of a mask


@dataclass(frozen=True, slots=True)
class Item:
    """A product as the world needs it."""

    product_id: str
    brand: str
    kind: str
    department: str
    price: float | None
    popularity: float
    arrived: float
    kind_weight: float
    offers: Sequence[Offer]


def world_of_shop(
    products: Sequence[ShopProduct], phrases: Mapping[str, Sequence[str]], seed: int, calibration: Calibration
) -> World:
    """The world of a made-up shop. `phrases`: further queries for a kind of product, as a provider wrote them."""
    rng = random.Random(f"offers {seed}")
    fashion = {kind: rng.lognormvariate(0, 0.5) for kind in sorted({product.type.name for product in products})}

    def items() -> Iterator[Item]:
        for product in products:
            kind = product.type
            offers = [(typed(text), weight) for text, weight in candidates(rng, product)]
            natural = [typed(text) for text in phrases.get(kind.name, ())]
            offers += [(text, 2.0 / len(natural)) for text in natural if text]
            yield Item(
                product_id=product.product_id,
                brand=product.brand,
                kind=kind.name,
                department=kind.department,
                price=product.price,
                popularity=product.popularity**calibration.popularity_exponent,
                arrived=product.created_at.timestamp(),
                kind_weight=kind.weight * fashion[kind.name],
                offers=offers,
            )

    return _world(list(items()), seed, calibration)


def world_of_catalog(
    products: Sequence[Product], seed: int, calibration: Calibration, update: Callable[[float, str], None]
) -> World:
    """The world of any catalogue: queries are phrases of its titles, kinds its categories or its commonest phrases.

    Popularity follows the number of ratings where it is known, else a heavy-tailed draw. Raises ValueError where no
    title holds a word.
    """
    rng = random.Random(f"catalogue {seed}")
    queries = TitleQueries(products)
    items = []
    kinds: Counter[tuple[str, str]] = Counter()
    mostly = 2 * sum(product.category is not None for product in products) > len(products)
    for number, product in enumerate(products):
        offers = queries.offers(product)
        if not offers:
            continue
        kind = product.category or queries.kind(product)
        department = product.category or (_OTHER if mostly else kind)
        kinds[department, kind] += 1
        drawn = min(rng.paretovariate(1.4), 15.0)
        known = math.sqrt(1 + product.rating_count) if product.rating_count is not None else 3.0
        items.append(
            Item(
                product_id=product.product_id,
                brand=product.brand or queries.maker(product),
                kind=kind,
                department=department,
                price=product.price,
                popularity=(drawn * known) ** calibration.popularity_exponent,
                arrived=product.created_at.timestamp() if product.created_at else 0.0,
                kind_weight=0.0,
                offers=offers,
            )
        )
        if number % 5_000 == 0:
            update(number / len(products), f"{number:,} of {len(products):,} products")
    if not items:
        raise ValueError("no product of this catalogue has a title that could be searched for")
    weights = _kind_weights(kinds)
    weighted = [replace(item, kind_weight=weights[item.department, item.kind]) for item in items]
    return _world(weighted, seed, calibration)


def _kind_weights(kinds: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], float]:
    """How often each kind is wanted: departments about as often as there are things to choose from, less than in
    proportion, and kinds within a department likewise.

    `kinds`: how many products each department and kind has.
    """
    products, roots = defaultdict[str, int](int), defaultdict[str, float](float)
    for (department, _), count in kinds.items():
        products[department] += count
        roots[department] += math.sqrt(count)
    return {
        (department, kind): math.sqrt(products[department]) * math.sqrt(count) / roots[department]
        for (department, kind), count in kinds.items()
    }


def _world(items: Sequence[Item], seed: int, calibration: Calibration) -> World:
    items = sorted(items, key=lambda item: (item.department, item.kind, item.product_id))
    departments = sorted({item.department for item in items})
    kinds = list(dict.fromkeys((item.department, item.kind) for item in items))
    brands = sorted({item.brand for item in items})
    place_of_kind = {kind: number for number, kind in enumerate(kinds)}
    place_of_brand = {brand: number for number, brand in enumerate(brands)}
    kind = np.array([place_of_kind[item.department, item.kind] for item in items], np.int32)
    kind_weight = np.zeros(len(kinds))
    kind_weight[kind] = [item.kind_weight for item in items]
    popularity = np.array([item.popularity for item in items])
    offers = _offers(items)
    return World(
        product_ids=[item.product_id for item in items],
        brands=brands,
        kinds=[name for _, name in kinds],
        departments=departments,
        queries=offers.queries,
        brand=np.array([place_of_brand[item.brand] for item in items], np.int32),
        kind=kind,
        price=_price_places([item.price for item in items], kind),
        popularity=popularity,
        arrived=np.array([item.arrived for item in items]),
        kind_start=np.searchsorted(kind, np.arange(len(kinds) + 1)),
        department_start=np.searchsorted([name for name, _ in kinds], [*departments, "\U0010ffff"]),
        kind_weight=kind_weight,
        period_days=np.array([_period(department, name, seed, calibration) for department, name in kinds]),
        offer_start=offers.start,
        offer_query=offers.query,
        offer_weight=offers.weight,
        offer_words=offers.words,
        query_words=np.array([len(query.split()) for query in offers.queries], np.int32),
        query_chars=np.array([len(query) for query in offers.queries], np.int32),
        results=_results(offers, popularity),
        completion_rank=_completion_ranks(offers, popularity),
    )


@dataclass(frozen=True, slots=True)
class _Offers:
    queries: list[str]
    start: np.ndarray
    product: np.ndarray
    query: np.ndarray
    weight: np.ndarray
    words: np.ndarray


def _offers(items: Sequence[Item]) -> _Offers:
    places: dict[str, int] = {}
    start, product, query, weight, masks = [0], [], [], [], []
    for number, item in enumerate(items):
        merged: dict[str, float] = {}
        for text, value in item.offers:
            merged[text] = merged.get(text, 0.0) + value
        bits: dict[str, int] = {}
        for text, value in merged.items():
            mask = 0
            for word in text.split():
                mask |= 1 << bits.setdefault(word, min(len(bits), _MOST_WORDS))
            product.append(number)
            query.append(places.setdefault(text, len(places)))
            weight.append(value)
            masks.append(mask)
        start.append(len(query))
    return _Offers(
        list(places),
        np.array(start, np.int64),
        np.array(product, np.int32),
        np.array(query, np.int32),
        np.array(weight, np.float32),
        np.array(masks, np.uint64),
    )


def _results(offers: _Offers, popularity: np.ndarray) -> np.ndarray:
    """`(Q, SHOWN)`: the popular ones of the products that offer each query."""
    order = np.lexsort((offers.product, -popularity[offers.product], offers.query))
    query, product = offers.query[order], offers.product[order]
    first = np.searchsorted(query, np.arange(len(offers.queries)))
    rank = np.arange(len(query)) - first[query]
    shown = np.full((len(offers.queries), SHOWN), -1, np.int32)
    on_page = rank < SHOWN
    shown[query[on_page], rank[on_page]] = product[on_page]
    return shown


def _completion_ranks(offers: _Offers, popularity: np.ndarray) -> np.ndarray:
    """`(Q, LONGEST_PREFIX)`: where each stands among the completions of its own prefixes, by how often it is typed."""
    demand = np.bincount(
        offers.query, weights=offers.weight * popularity[offers.product], minlength=len(offers.queries)
    )
    frame = pl.DataFrame({"query": offers.queries, "demand": demand}).with_row_index("place")
    ranks = np.zeros((len(offers.queries), LONGEST_PREFIX), np.int8)
    for length in range(1, LONGEST_PREFIX + 1):
        ranked = (
            frame.filter(pl.col("query").str.len_chars() > length)
            .with_columns(prefix=pl.col("query").str.head(length))
            .sort("demand", "place", descending=[True, False])
            .with_columns(rank=pl.int_range(1, pl.len() + 1).over("prefix"))
            .filter(pl.col("rank") <= COMPLETIONS)
        )
        ranks[ranked["place"].to_numpy(), length - 1] = ranked["rank"].to_numpy()
    return ranks


def _price_places(prices: Sequence[float | None], kind: np.ndarray) -> np.ndarray:
    """Where each price stands in its kind: 0 the cheapest, 1 the dearest, 0.5 where it is not known."""
    frame = pl.DataFrame({"price": prices, "kind": kind}, schema_overrides={"price": pl.Float64})
    rank, count = pl.col("price").rank("average").over("kind"), pl.col("price").count().over("kind")
    place = pl.when(count > 1).then((rank - 1) / (count - 1)).otherwise(0.5)
    return frame.select(place.fill_null(0.5).cast(pl.Float32)).to_series().to_numpy()


def _period(department: str, kind: str, seed: int, calibration: Calibration) -> float:
    """Days until it is used up; 0 for what lasts."""
    if not gets_used_up(department, kind):
        return 0.0
    return calibration.repeat_days * random.Random(f"period {seed} {kind}").lognormvariate(0, 0.35)
