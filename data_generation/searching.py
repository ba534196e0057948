"""Visits as rounds of searches: type, look down the page, click, go on with a narrower query or another need, or leave.

    p(looked at) = rank^−η            position bias (Craswell et al., WSDM 2008)
    p(click | looked at) = σ(level + suits + what was in mind)
    p(suggestion taken after a character) = p(looked at) · what the behaviour takes

All visits of a block go through a round together; those that end leave the arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from data_generation.cast import Cast
from data_generation.engaging import Engagements, engage
from data_generation.sampling import RangeSampler, log_normal, sigmoid
from data_generation.shoppers import Shoppers, Visits, draw_wanted, suits
from data_generation.world import LONGEST_PREFIX, SHOWN, FloatArray, IntArray

_ROUNDS = 8  # searches of one visit at most
IN_MIND = 2.6  # log odds that the wanted product is clicked more
SAME_KIND = 0.4
_KEY_SECONDS = 0.24  # median pause between two keystrokes
_LIST_SECONDS = 5.0  # median look at a page before the first click
_FIXES = 0.35  # share of mistyped queries that are typed again, correctly
_SATISFIED = 0.35  # times the usual refining, after a click
_NARROWER_TRIES = 6
SUGGESTION_CHANCE = 0.16  # that a look goes to the list after one more character …
_LIST_IS_TRUSTED_AFTER = 4  # … once so many are typed; before that in proportion

BoolArray = npt.NDArray[np.bool_]
Columns = TypeVar("Columns", "Searches", "Engagements")


@dataclass(frozen=True, slots=True)
class Searches:
    """M searches, in the order of rounds."""

    visit: IntArray  # (M,)
    query: IntArray  # (M,) of the world's queries
    typed_at: FloatArray  # (M,) first keystroke, seconds since 1970
    at: FloatArray  # (M,) completed
    mistyped: BoolArray  # (M,) sent with a slip of the finger
    pattern: IntArray  # (M,) of the persona's vocabulary, −1: none
    taken_after: IntArray  # (M,) characters typed when a suggestion was taken, 0: none
    taken_rank: IntArray  # (M,) of that suggestion, 1-based
    clicked: IntArray  # (M,) the product clicked first, −1: none
    clicks: IntArray  # (M,)


@dataclass(frozen=True, slots=True)
class Shopping:
    """What a block of visits leaves behind."""

    searches: Searches
    engagements: Engagements


def shop(cast: Cast, shoppers: Shoppers, visits: Visits, generator: np.random.Generator) -> Shopping:
    """All searches of these visits and what follows from them."""
    live = np.arange(len(visits.start))
    clock = visits.start.copy()
    wanted = draw_wanted(cast, shoppers, visits.shopper, clock, generator)
    offer = draw_offer(cast, shoppers.persona[visits.shopper], wanted, generator)
    fixing = np.zeros(len(live), bool)
    done: list[Searches] = []
    followed: list[Engagements] = []
    count = 0
    for _ in range(_ROUNDS):
        if not len(live):
            break
        shopper, behavior = visits.shopper[live], visits.behavior[live]
        searches = _search(cast, shoppers.persona[shopper], behavior, live, clock, wanted, offer, fixing, generator)
        searches, engagements, spent = _look(cast, shoppers, visits, searches, wanted, count, generator)
        done.append(searches)
        followed.append(engagements)
        count += len(live)
        think = log_normal(generator, cast.calibration.think_seconds, cast.calibration.think_sigma, len(live))
        clock = searches.at + spent + np.minimum(think, 1_500.0)
        narrower = _narrower(cast, wanted, offer, generator)
        fixes = searches.mistyped & (generator.random(len(live)) < _FIXES)
        persona = shoppers.persona[shopper]
        refine = cast.refine[persona, behavior] * np.where(searches.clicked >= 0, _SATISFIED, 1.0)
        refines = ~fixes & (generator.random(len(live)) < refine) & (narrower >= 0)
        turns = ~fixes & ~refines & (generator.random(len(live)) < cast.another[persona, behavior])
        new = np.flatnonzero(turns)
        wanted[new] = draw_wanted(cast, shoppers, shopper[new], clock[new], generator)
        offer[new] = draw_offer(cast, shoppers.persona[shopper[new]], wanted[new], generator)
        offer = np.where(refines, narrower, offer)
        stays = (fixes | refines | turns) & (clock < cast.window.end)
        live, wanted, offer = live[stays], wanted[stays], offer[stays]
        clock, fixing = clock[stays], fixes[stays]
    return Shopping(joined(done), joined(followed))


def joined(parts: "Sequence[Columns]") -> "Columns":
    """The parts of one class as one, in their order."""
    kind = type(parts[0])
    return kind(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(kind)})


def draw_offer(cast: Cast, persona: IntArray, product: IntArray, generator: np.random.Generator) -> IntArray:
    """An offer of each product, as each persona words what they want."""
    chosen = np.zeros(len(product), np.int64)
    uniform = generator.random(len(product))
    for number in np.unique(persona):
        rows = persona == number
        sampler: RangeSampler = cast.offers(int(number))
        start, stop = cast.world.offer_start[product[rows]], cast.world.offer_start[product[rows] + 1]
        chosen[rows] = sampler.draw(start, stop, uniform[rows])
    return chosen


def _narrower(cast: Cast, product: IntArray, offer: IntArray, generator: np.random.Generator) -> IntArray:
    """For each offer one of the same product that has all its words and more; −1 where none was hit upon."""
    world = cast.world
    start, stop = world.offer_start[product][:, None], world.offer_start[product + 1][:, None]
    tries = start + (generator.random((len(product), _NARROWER_TRIES)) * (stop - start)).astype(np.int64)
    has, more = world.offer_words[offer][:, None], world.offer_words[tries]
    fits = ((has & more) == has) & (has != more)
    return np.asarray(np.where(fits.any(axis=1), tries[np.arange(len(tries)), fits.argmax(axis=1)], -1))


def _search(
    cast: Cast,
    persona: IntArray,
    behavior: IntArray,
    live: IntArray,
    clock: FloatArray,
    wanted: IntArray,
    offer: IntArray,
    fixing: BoolArray,
    generator: np.random.Generator,
) -> Searches:
    """One search of each live visit: how it is typed, whether a suggestion is taken, how long that lasts."""
    world, count = cast.world, len(live)
    query = world.offer_query[offer].astype(np.int64)
    department = np.searchsorted(world.department_start, world.kind[wanted], side="right") - 1
    patterned = (generator.random(count) < cast.vocabulary[persona]) & ~fixing & cast.speaks[persona, department]
    sizes = np.array([max(1, len(one.vocabulary)) for one in cast.personas])
    pattern = np.where(patterned, (generator.random(count) * sizes[persona]).astype(np.int64), -1)
    rank = world.completion_rank[query].astype(np.float64)
    looked = np.where(rank > 0, np.maximum(rank, 1) ** -cast.eta[behavior][:, None], 0.0)
    trusted = np.minimum(1.0, np.arange(1, LONGEST_PREFIX + 1) / _LIST_IS_TRUSTED_AFTER)
    takes = cast.takes[behavior][:, None] * SUGGESTION_CHANCE * trusted
    taken = generator.random((count, LONGEST_PREFIX)) < looked * takes
    taken &= (pattern < 0)[:, None]
    after = np.where(taken.any(axis=1), taken.argmax(axis=1) + 1, 0)
    mistyped = (generator.random(count) < cast.typo[persona]) & ~fixing & (after == 0) & (pattern < 0)
    keys = np.where(after > 0, after, world.query_chars[query])
    typing = keys * log_normal(generator, _KEY_SECONDS, 0.4, count)
    return Searches(
        visit=live,
        query=query,
        typed_at=clock,
        at=clock + typing,
        mistyped=mistyped,
        pattern=pattern,
        taken_after=after,
        taken_rank=np.where(after > 0, rank[np.arange(count), after - 1], 0).astype(np.int64),
        clicked=np.full(count, -1, np.int64),
        clicks=np.zeros(count, np.int64),
    )


def _look(
    cast: Cast,
    shoppers: Shoppers,
    visits: Visits,
    searches: Searches,
    wanted: IntArray,
    first: int,
    generator: np.random.Generator,
) -> tuple[Searches, Engagements, FloatArray]:
    """The page of each search: what is clicked and what follows, and the seconds `(M,)` spent on it.

    `first`: number of the first of these searches among all of the block.
    """
    world, count = cast.world, len(searches.query)
    shopper, behavior = visits.shopper[searches.visit], visits.behavior[searches.visit]
    shown = world.results[searches.query].astype(np.int64)
    there = (shown >= 0) & (world.arrived[shown] <= searches.at[:, None])
    looked = np.arange(1, SHOWN + 1) ** -cast.eta[behavior][:, None]
    liking = (
        cast.click[behavior][:, None]
        + suits(cast, shoppers, shopper[:, None], shown)
        + IN_MIND * (shown == wanted[:, None])
    )
    liking += SAME_KIND * (world.kind[shown] == world.kind[wanted][:, None])
    appeal = sigmoid(liking)
    clicks = there & (generator.random(shown.shape) < looked * appeal)
    search, place = np.nonzero(clicks)
    begins = searches.at + log_normal(generator, _LIST_SECONDS, 0.7, count)
    engagements, spent = engage(
        cast,
        behavior=behavior[search],
        search=search,
        product=shown[search, place],
        rank=place + 1,
        appeal=appeal[search, place],
        begins=begins,
        generator=generator,
    )
    number = clicks.sum(axis=1)
    clicked = np.where(number > 0, shown[np.arange(count), clicks.argmax(axis=1)], -1)
    found = replace(searches, clicked=clicked, clicks=number)
    return found, replace(engagements, search=engagements.search + first), begins - searches.at + spent
