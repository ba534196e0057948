"""One block of shoppers, from nothing to rows: the unit of work of a simulation.

A block is drawn from a random generator of its own, seeded with the simulation's seed and its number. So any process
can make any block, in any order, and the rows are the same.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from data_generation.cast import Cast
from data_generation.engaging import CLICK, PURCHASE, SUGGESTION, Engagements, Later, bought_again, bought_later
from data_generation.keystrokes import sent_text, states
from data_generation.personas import CHAIN
from data_generation.searching import Searches, shop
from data_generation.shoppers import Shoppers, Visits, draw_shoppers, draw_visits
from data_generation.world import FloatArray, IntArray

ACTIONS = (*(action.value for action in CHAIN), "click", "suggestion_click")
_LATER_VIEW_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Block:
    """Shoppers `[first, first + shoppers)` with their visits."""

    number: int
    first: int
    shoppers: int
    visits: int


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a block, each frame in the order of its times."""

    queries: pl.DataFrame
    events: pl.DataFrame
    visits: pl.DataFrame  # the truth that no real log holds: persona and behaviour


def make_rows(cast: Cast, block: Block, prefix: str) -> Rows:
    """`prefix` begins every user and session id."""
    seeds = np.random.SeedSequence([cast.seed, 3, block.number])
    generator = np.random.default_rng(seeds)
    rng = random.Random(int(seeds.generate_state(1, np.uint64)[0]))
    shoppers = draw_shoppers(cast, block.first, block.shoppers, generator)
    visits = draw_visits(cast, shoppers, block.visits, generator)
    shopping = shop(cast, shoppers, visits, generator)
    searches, done = shopping.searches, shopping.engagements
    persona, behavior = shoppers.persona[visits.shopper[searches.visit]], visits.behavior[searches.visit]
    later = bought_later(cast, done, persona, behavior, generator)
    first = done.action == PURCHASE
    at_once = Later(done.search[first], done.product[first], done.at[first])
    again = bought_again(cast, _both(at_once, later), persona, behavior, generator)
    sent = _sent(cast, shoppers, visits, searches, rng)
    people = pl.Series([f"{prefix}-{number}" for number in range(block.first, block.first + block.shoppers)])
    sessions = pl.Series([f"{prefix}-{block.number}-{number}" for number in range(len(visits.start))])
    products = pl.Series(cast.world.product_ids)
    user = people.gather(visits.shopper)
    return Rows(
        queries=_queries(cast, searches, sent, user, sessions, products, rng),
        events=_events(cast, searches, done, [later, again], sent, user, sessions, products),
        visits=_visits(cast, shoppers, visits, user, sessions),
    )


def _both(one: Later, other: Later) -> Later:
    return Later(*(np.concatenate([getattr(one, n), getattr(other, n)]) for n in ("search", "product", "at")))


def _sent(cast: Cast, shoppers: Shoppers, visits: Visits, searches: Searches, rng: random.Random) -> list[str]:
    """The text of every search, in the persona's words, with slips."""
    texts = cast.world.queries
    persona = shoppers.persona[visits.shopper[searches.visit]]
    sent = [texts[query] for query in searches.query.tolist()]
    for at in np.flatnonzero((searches.pattern >= 0) | searches.mistyped).tolist():
        vocabulary = cast.personas[persona[at]].vocabulary
        pattern = int(searches.pattern[at])
        if pattern >= 0 and vocabulary:
            sent[at] = in_words_of(vocabulary[pattern], sent[at])
        sent[at] = sent_text(rng, sent[at], mistyped=bool(searches.mistyped[at]))
    return sent


def in_words_of(pattern: str, text: str) -> str:
    """The query in a persona's pattern; unchanged where it says that already ("running shoes for running")."""
    added = set(pattern.replace("{query}", "").split()) - {"for", "and", "of", "with"}
    return text if added & set(text.split()) else pattern.format(query=text)


def _queries(
    cast: Cast,
    searches: Searches,
    sent: Sequence[str],
    user: pl.Series,
    sessions: pl.Series,
    products: pl.Series,
    rng: random.Random,
) -> pl.DataFrame:
    after, others = searches.taken_after.tolist(), cast.world.queries
    typed = [
        states(rng, text, taken, others[rng.randrange(len(others))]) for text, taken in zip(sent, after, strict=True)
    ]
    inside = searches.at < cast.window.end
    return (
        pl.DataFrame(
            {
                "query": sent,
                "timestamp": _moments(searches.at),
                "user_id": user.gather(searches.visit),
                "session_id": sessions.gather(searches.visit),
                "product_id": _named(products, searches.clicked),
                "prefixes": typed,
                "first_prefix_typed_time": _moments(searches.typed_at),
            }
        )
        .filter(pl.Series(inside))
        .sort("timestamp", "session_id", maintain_order=True)
    )


def _events(
    cast: Cast,
    searches: Searches,
    done: Engagements,
    later: Sequence[Later],
    sent: Sequence[str],
    user: pl.Series,
    sessions: pl.Series,
    products: pl.Series,
) -> pl.DataFrame:
    texts = pl.Series(sent, dtype=pl.String)
    taken = np.flatnonzero(searches.taken_after > 0)
    frames = [
        _frame(done.at, done.action, searches.visit[done.search], user, sessions).with_columns(
            item_id=_named(products, done.product),
            query=texts.gather(done.search),
            item_rank=_ranks(done.rank),
            duration_seconds=pl.Series(np.where(done.action == CLICK, np.nan, np.round(done.seconds, 1))),
        ),
        _frame(
            searches.at[taken],
            np.full(len(taken), SUGGESTION),
            searches.visit[taken],
            user,
            sessions,
        ).with_columns(
            item_id=pl.lit(None, pl.String),
            query=texts.gather(taken),
            item_rank=_ranks(searches.taken_rank[taken]),
            duration_seconds=pl.lit(np.nan),
        ),
    ]
    for number, some in enumerate(later):
        for action, before, seconds in ((0, _LATER_VIEW_SECONDS, _LATER_VIEW_SECONDS), (PURCHASE, 0.0, np.nan)):
            own = pl.Series(np.arange(len(some.at)), dtype=pl.String)
            visit = searches.visit[some.search]
            frame = _frame(some.at - before, np.full(len(some.at), action), visit, user, sessions)
            frames.append(
                frame.with_columns(
                    session_id=pl.col("session_id") + f"-{'la'[number]}" + own,
                    item_id=_named(products, some.product),
                    query=pl.lit(None, pl.String),
                    item_rank=pl.lit(None, pl.Int32),
                    duration_seconds=pl.lit(seconds),
                )
            )
    return (
        pl.concat(frames)
        .filter(pl.col("timestamp") < _moments(np.array([cast.window.end]))[0])
        .with_columns(pl.col("duration_seconds").fill_nan(None))
        .select(
            "user_id", "timestamp", "action_type", "item_id", "session_id", "query", "item_rank", "duration_seconds"
        )
        .sort("timestamp", "session_id", maintain_order=True)
    )


def _frame(at: FloatArray, action: IntArray, visit: IntArray, user: pl.Series, sessions: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": user.gather(visit),
            "timestamp": _moments(at),
            "action_type": pl.Series(ACTIONS).gather(action),
            "session_id": sessions.gather(visit),
        }
    )


def _visits(cast: Cast, shoppers: Shoppers, visits: Visits, user: pl.Series, sessions: pl.Series) -> pl.DataFrame:
    persona = shoppers.persona[visits.shopper]
    return pl.DataFrame(
        {
            "session_id": sessions,
            "user_id": user,
            "started_at": _moments(visits.start),
            "persona": pl.Series([one.name for one in cast.personas]).gather(persona),
            "behavior": pl.Series([one.name for one in cast.behaviors]).gather(visits.behavior),
            "device": pl.Series(cast.devices).gather(shoppers.device[visits.shopper]),
        }
    ).sort("started_at", "session_id", maintain_order=True)


def _moments(seconds: FloatArray) -> pl.Series:
    return pl.Series(np.round(seconds * 1e3).astype(np.int64)).cast(pl.Datetime("ms", "UTC"))


def _named(products: pl.Series, numbers: IntArray) -> pl.Series:
    """Product ids; null for −1."""
    ids = products.gather(np.maximum(numbers, 0))
    return pl.select(pl.when(pl.Series(numbers >= 0)).then(ids)).to_series()


def _ranks(ranks: IntArray) -> pl.Series:
    return pl.select(pl.when(pl.Series(ranks > 0)).then(pl.Series(ranks, dtype=pl.Int32))).to_series()
