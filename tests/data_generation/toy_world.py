"""A shop that can be computed by hand: 24 lamps on every page, three queries that grow word by word."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from data_generation.calibration import Calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.personas import Behavior, Persona, load_behaviors, load_personas
from data_generation.world import LONGEST_PREFIX, SHOWN, World

START = 1_780_272_000.0  # Monday, 1 June 2026
QUERIES = ("lamp", "desk lamp", "red desk lamp")
CALIBRATION = Calibration(
    popularity_exponent=1.0,
    comeback=0.0,
    comeback_days=1.0,
    pace=1.0,
    think_seconds=60.0,
    think_sigma=0.5,
    repeat=0.0,
    repeat_days=10.0,
    repeat_sigma=0.3,
)


def toy_world(
    departments: Sequence[str] = ("Home",),
    kinds: int = 1,
    each: int = SHOWN,
    period_days: Sequence[float] = (),
    arrived: Sequence[float] = (),
) -> World:
    """`kinds` kinds in each department, `each` products in each kind, all equally popular; all offer all queries."""
    of_kinds = kinds * len(departments)
    count = of_kinds * each
    ranks = np.zeros((len(QUERIES), LONGEST_PREFIX), np.int8)
    for row, text in enumerate(QUERIES):
        ranks[row, : len(text) - 1] = 1  # no two begin alike
    return World(
        product_ids=[f"p{number}" for number in range(count)],
        brands=["Acme"],
        kinds=[f"kind {number}" for number in range(of_kinds)],
        departments=list(departments),
        queries=list(QUERIES),
        brand=np.zeros(count, np.int32),
        kind=np.repeat(np.arange(of_kinds), each).astype(np.int32),
        price=np.full(count, 0.5, np.float32),
        popularity=np.ones(count),
        arrived=np.array(arrived) if arrived else np.zeros(count),
        kind_start=np.arange(of_kinds + 1) * each,
        department_start=np.arange(len(departments) + 1) * kinds,
        kind_weight=np.ones(of_kinds),
        period_days=np.array(period_days) if period_days else np.zeros(of_kinds),
        offer_start=np.arange(count + 1) * len(QUERIES),
        offer_query=np.tile(np.arange(len(QUERIES)), count).astype(np.int32),
        offer_weight=np.ones(count * len(QUERIES), np.float32),
        offer_words=np.tile(np.array([1, 3, 7], np.uint64), count),
        query_words=np.array([len(text.split()) for text in QUERIES], np.int32),
        query_chars=np.array([len(text) for text in QUERIES], np.int32),
        results=np.tile(np.arange(SHOWN), (len(QUERIES), 1)).astype(np.int32),
        completion_rank=ranks,
    )


def persona(**changes: Any) -> Persona:
    """Somebody without a taste, a slip or words of their own, unless said otherwise."""
    plain = replace(
        load_personas()[0],
        share=1.0,
        departments={"Home": 1.0},
        later={},
        brands=(),
        brand_loyalty=0.0,
        price_sensitivity=0.0,
        vocabulary=(),
        vocabulary_share=0.0,
        wordiness=0.0,
        length=0.0,
        patience=0.0,
        typo_share=0.0,
        behaviors={"plain": 1.0},
    )
    return replace(plain, **changes)


def behavior(**changes: Any) -> Behavior:
    """One search in a visit, hardly a click, unless said otherwise."""
    plain = replace(
        load_behaviors()[0],
        name="plain",
        eta=1.0,
        click=-20.0,
        refine=0.0,
        another=0.0,
        suggestion=0.0,
        chain=((0.0,) * 5,) * 5,
        dwell_seconds=(10.0, 20.0, 30.0, 40.0, 50.0),
        returns=0.0,
        return_days=1.0,
        repeat=0.0,
    )
    return replace(plain, **changes)


def toy_cast(
    world: World, who: Persona, does: Behavior, days: int = 1_000, start: float = START, **calibration: float
) -> Cast:
    window = Window(start, start + days * DAY)
    return Cast(world, (who,), (does,), replace(CALIBRATION, **calibration), window, 3)
