"""Who comes, when, and what for: shoppers of one block, their visits, the products they have in mind."""

from dataclasses import dataclass

import numpy as np

from data_generation.cast import DAY, HOUR, Cast
from data_generation.sampling import RowSampler, log_normal, noise
from data_generation.world import FloatArray, IntArray

_SEASON_TRIES = 8
_TRIES = 6  # products of a kind that somebody weighs up
_FRESH_DAYS, _FRESH = 14.0, 0.6  # what is new is looked at more
ACTIVITY_SHAPE = 1.3  # of the gamma distribution of visits: a few come often
_COMEBACK_SIGMA = 1.2


@dataclass(frozen=True, slots=True)
class Shoppers:
    """n shoppers, numbered on from `first` over the whole simulation."""

    first: int
    persona: IntArray  # (n,)
    device: IntArray  # (n,)
    early: RowSampler  # departments at the beginning of the window
    late: RowSampler


@dataclass(frozen=True, slots=True)
class Visits:
    """S visits, by shopper."""

    shopper: IntArray  # (S,) within the block
    behavior: IntArray  # (S,)
    start: FloatArray  # (S,) seconds since 1970


def draw_shoppers(cast: Cast, first: int, count: int, generator: np.random.Generator) -> Shoppers:
    persona = cast.persona.draw(np.zeros(count, np.int64), generator.random(count))
    device = cast.device.draw(persona, generator.random(count))
    return Shoppers(first, persona, device, *cast.tastes(persona, generator))


def draw_visits(cast: Cast, shoppers: Shoppers, count: int, generator: np.random.Generator) -> Visits:
    """`count` visits, shared out among the shoppers: each comes by the hours of their persona, some come back soon."""
    people = len(shoppers.persona)
    activity = generator.standard_gamma(ACTIVITY_SHAPE, people) + 1e-9
    each = generator.multinomial(count, activity / activity.sum())
    shopper = np.repeat(np.arange(people), each)
    persona = shoppers.persona[shopper]
    day = cast.day.draw(persona, generator.random(count))
    hour = cast.hour.draw(persona, generator.random(count))
    start = cast.window.start + day * DAY + (hour + generator.random(count)) * HOUR
    # What was not found is looked for again, at about the same hour of one of the next days.
    first_of = np.repeat(np.cumsum(each) - each, each)
    comes_back = (generator.random(count) < cast.calibration.comeback) & (first_of != np.arange(count))
    away = log_normal(generator, cast.calibration.comeback_days, _COMEBACK_SIGMA, count)
    away = np.where(away > 0.5, np.round(away) + generator.normal(0, 0.08, count), away) * DAY
    again = start[first_of] + np.maximum(away, HOUR)
    start = np.where(comes_back & (again < cast.window.end), again, start)
    behavior = cast.behavior.draw(persona, generator.random(count))
    return Visits(shopper, behavior, np.minimum(start, cast.window.end - 1))


def draw_wanted(
    cast: Cast, shoppers: Shoppers, shopper: IntArray, at: FloatArray, generator: np.random.Generator
) -> IntArray:
    """`(n,)` products that shoppers have in mind at the times `at`: a department, a kind, then the one that suits."""
    world, window, count = cast.world, cast.window, len(shopper)
    passed = np.clip((at - window.start) / (window.end - window.start), 0, 1)
    drifted = generator.random(count) < passed
    date = np.clip(((at - window.start) / DAY).astype(np.int64), 0, window.days - 1)
    department = np.zeros(count, np.int64)
    open_for = np.ones(count, bool)
    for _ in range(_SEASON_TRIES):  # taste · season, by rejection: what is out of season is thought better of
        uniform, kept = generator.random(count), generator.random(count)
        drawn = np.where(drifted, shoppers.late.draw(shopper, uniform), shoppers.early.draw(shopper, uniform))
        department = np.where(open_for, drawn, department)
        open_for &= kept >= cast.in_season[date, department]
    day = date * len(world.kinds)
    ranges = day + world.department_start[department], day + world.department_start[department + 1]
    kind = cast.kinds.draw(*ranges, generator.random(count)) - day
    bounds = world.kind_start[kind][:, None], world.kind_start[kind + 1][:, None]
    tries = cast.products.draw(*bounds, generator.random((count, _TRIES)))
    liking = suits(cast, shoppers, shopper[:, None], tries) + generator.gumbel(0, 0.6, tries.shape)
    age = (at[:, None] - world.arrived[tries]) / DAY
    liking += np.where(age < _FRESH_DAYS, _FRESH, 0.0)
    # Not on sale yet; where nothing is, the one that comes first.
    liking = np.where(age < 0, -1e6 + age, liking)
    return np.asarray(tries[np.arange(count), liking.argmax(axis=1)])


def suits(cast: Cast, shoppers: Shoppers, shopper: IntArray, product: IntArray) -> FloatArray:
    """How well products suit, in log odds around 0: brands and prices. `shopper` and `product` broadcast."""
    world = cast.world
    persona, brand = shoppers.persona[shopper], world.brand[product]
    own = noise(cast.seed, *np.broadcast_arrays(shopper + shoppers.first, brand))
    brands = cast.loyalty[persona] * (cast.brand_taste[persona, brand] + 0.7 * own)
    distance = np.abs(world.price[product] - cast.price[persona])
    return np.asarray(brands - cast.sensitivity[persona] * (2 * distance - 0.5))
