"""What follows a click: the chain of a behaviour (`personas.CHAIN`), and what is bought on a later day.

A chain starts on the product's page. What suits more goes on to the cart more often. Where it ends with something put
aside, some come back and buy; what gets used up is bought again and again, each time after its period. Both happen at
the hours at which these shoppers come.
"""

from dataclasses import dataclass

import numpy as np

from data_generation.cast import DAY, HOUR, Cast
from data_generation.personas import CHAIN
from data_generation.sampling import RowSampler, log_normal
from data_generation.world import FloatArray, IntArray

CLICK, SUGGESTION = len(CHAIN), len(CHAIN) + 1  # numbers of the actions that are not in the chain
WISHLIST, CART, PURCHASE = 2, 3, 4
_STEPS = 10
_DWELL_SIGMA = 0.8
_LATER_SIGMA = 0.8
_AGAIN_AT_MOST = 40
_SOONEST_AGAIN = 0.5 * DAY


@dataclass(frozen=True, slots=True)
class Engagements:
    """E actions with products, in the order in which they happened within each search."""

    search: IntArray  # (E,)
    action: IntArray  # (E,) place in CHAIN, or CLICK
    product: IntArray  # (E,)
    rank: IntArray  # (E,) of the click, 0 for what follows it
    at: FloatArray  # (E,) seconds since 1970
    seconds: FloatArray  # (E,) dwell


@dataclass(frozen=True, slots=True)
class Later:
    """Purchases in visits of their own: L of them."""

    search: IntArray  # (L,) the search that it goes back to
    product: IntArray  # (L,)
    at: FloatArray  # (L,) seconds since 1970


def engage(
    cast: Cast,
    *,
    behavior: IntArray,
    search: IntArray,
    product: IntArray,
    rank: IntArray,
    appeal: FloatArray,
    begins: FloatArray,
    generator: np.random.Generator,
) -> tuple[Engagements, FloatArray]:
    """The clicks `(C,)`, by search and rank, with their chains, one product after the other; seconds spent `(M,)`."""
    clicks, state = np.arange(len(search)), np.zeros(len(search), np.int64)
    eager = np.clip(2.2 * appeal, 0.35, 1.5)
    steps = [(clicks, np.full(len(search), CLICK))]
    for _ in range(_STEPS):
        steps.append((clicks, state))
        going = cast.chain[behavior[clicks], state].copy()
        going[:, WISHLIST:] *= eager[clicks, None]
        going *= np.minimum(1.0, 0.97 / np.maximum(going.sum(axis=1, keepdims=True), 1e-9))
        leaves = 1 - going.sum(axis=1, keepdims=True)
        if not len(clicks):
            break
        chosen = RowSampler(np.hstack([going, leaves])).draw(np.arange(len(clicks)), generator.random(len(clicks)))
        goes_on = chosen < len(CHAIN)
        clicks, state = clicks[goes_on], chosen[goes_on]
    click = np.concatenate([who for who, _ in steps])
    action = np.concatenate([what for _, what in steps])
    step = np.repeat(np.arange(len(steps)), [len(who) for who, _ in steps])
    order = np.lexsort((step, click))
    click, action = click[order], action[order]
    on_page = action < len(CHAIN)
    median = np.where(on_page, cast.dwell[behavior[click], np.minimum(action, len(CHAIN) - 1)], 0.0)
    seconds = log_normal(generator, median, _DWELL_SIGMA, len(click))
    of_search = search[click]
    total = np.cumsum(seconds)
    before = np.concatenate([[0.0], total])[np.searchsorted(of_search, of_search)]  # until this search began
    at = begins[of_search] + total - seconds - before
    spent = np.zeros(len(begins))
    np.add.at(spent, of_search, seconds)
    done = Engagements(of_search, action, product[click], np.where(action == CLICK, rank[click], 0), at, seconds)
    return done, spent


def bought_later(
    cast: Cast, done: Engagements, persona: IntArray, behavior: IntArray, generator: np.random.Generator
) -> Later:
    """What was put aside and is bought later. `persona` and `behavior` `(M,)` of each search."""
    pairs = done.search * len(cast.world.product_ids) + done.product
    bought = np.unique(pairs[done.action == PURCHASE])
    aside = np.flatnonzero((done.action == WISHLIST) | (done.action == CART))
    aside = aside[~np.isin(pairs[aside], bought)]
    aside = aside[np.unique(pairs[aside], return_index=True)[1]]
    who = behavior[done.search[aside]]
    comes = generator.random(len(aside)) < cast.returns[who]
    at = done.at[aside] + log_normal(generator, cast.return_days[who], _LATER_SIGMA, len(aside)) * DAY
    at = _at_their_hours(cast, persona[done.search[aside]], at, done.at[aside], generator)
    kept = comes & (at < cast.window.end)
    return Later(done.search[aside][kept], done.product[aside][kept], at[kept])


def bought_again(
    cast: Cast, first: Later, persona: IntArray, behavior: IntArray, generator: np.random.Generator
) -> Later:
    """The purchases that follow the given ones because a product was used up, until the window ends."""
    calibration = cast.calibration
    search, product, at = first.search, first.product, first.at
    found: list[Later] = []
    for _ in range(_AGAIN_AT_MOST):
        period = cast.world.period_days[cast.world.kind[product]]
        again = (period > 0) & (generator.random(len(product)) < cast.repeat[behavior[search]])
        search, product, period = search[again], product[again], period[again]
        soonest = at[again] + _SOONEST_AGAIN
        at = at[again] + log_normal(generator, period, calibration.repeat_sigma, len(product)) * DAY
        at = _at_their_hours(cast, persona[search], np.maximum(at, soonest), soonest, generator)
        inside = at < cast.window.end
        search, product, at = search[inside], product[inside], at[inside]
        if not len(search):
            break
        found.append(Later(search, product, at))
    if not found:
        return Later(search[:0], product[:0], at[:0])
    return Later(*(np.concatenate([getattr(part, name) for part in found]) for name in ("search", "product", "at")))


def _at_their_hours(
    cast: Cast, persona: IntArray, at: FloatArray, soonest: FloatArray, generator: np.random.Generator
) -> FloatArray:
    """The days of `at` at hours of the personas; a day later where that would not be after `soonest`, which `at` is."""
    hour = cast.hour.draw(persona, generator.random(len(at))) + generator.random(len(at))
    midnight = cast.window.start + np.floor((at - cast.window.start) / DAY) * DAY
    moved = midnight + hour * HOUR
    return np.where(moved > soonest, moved, moved + DAY)
