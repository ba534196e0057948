"""Personas and behaviours as tables of numbers for one world and one window of time.

    demand(department, day) = taste · season(department, day)      demand(kind, day) = weight · trend(kind, day)

Seasons are yearly waves, a department's own; trends rise and fall within weeks, for a few kinds. Departments that no
persona knows, as of a shop's own catalogue, are given to them by the words of their names, else by chance: those that
are wanted more, more often.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from data_generation.calibration import Calibration
from data_generation.demand import season_of, words_of
from data_generation.personas import Behavior, Persona
from data_generation.sampling import RangeSampler, RowSampler, moved
from data_generation.world import FloatArray, IntArray, World

DAY, HOUR = 86_400.0, 3_600.0
_TREND_SHARE = 0.12  # of kinds
_INDIVIDUAL = 8.0  # concentration of a shopper's tastes around the persona's: 1 is very individual, 100 hardly


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is simulated, in seconds since 1970."""

    start: float
    end: float

    @property
    def days(self) -> int:
        return max(1, math.ceil((self.end - self.start) / DAY))


class Cast:
    """Everything about personas (N) and behaviours (M) that a block of shoppers draws from."""

    def __init__(
        self,
        world: World,
        personas: Sequence[Persona],
        behaviors: Sequence[Behavior],
        calibration: Calibration,
        window: Window,
        seed: int,
    ) -> None:
        """Raises ValueError where there are no personas, or one has a behaviour that is not there."""
        self.world, self.personas, self.behaviors = world, personas, behaviors
        self.calibration, self.window, self.seed = calibration, window, seed
        names = {behavior.name for behavior in behaviors}
        if strangers := {name for one in personas for name in one.behaviors} - names:
            raise ValueError(f"there is no behaviour {', '.join(sorted(strangers))}")
        self.persona = RowSampler(np.array([[one.share for one in personas]]))
        self._anybody = np.add.reduceat(world.kind_weight, world.department_start[:-1])
        self._anybody /= self._anybody.sum()
        self.early, self.late = self._departments(early=True), self._departments(early=False)
        self.speaks = np.array([_wanted(one.departments | one.later, world.departments) > 0 for one in personas])
        self.own = _column(personas, "own")
        self.behavior = RowSampler(np.array([[one.behaviors.get(b.name, 0.0) for b in behaviors] for one in personas]))
        self.devices = sorted({device for one in personas for device in one.devices})
        self.device = RowSampler(np.array([[one.devices.get(d, 0.0) for d in self.devices] for one in personas]))
        self.hour = RowSampler(np.array([one.hours for one in personas]))
        self.day = RowSampler(self._days())
        self.brand_taste = self._brands()
        self.loyalty, self.price = _column(personas, "brand_loyalty"), _column(personas, "price")
        self.sensitivity = _column(personas, "price_sensitivity")
        self.typo, self.vocabulary = _column(personas, "typo_share"), _column(personas, "vocabulary_share")
        self.eta, self.click = _column(behaviors, "eta"), _column(behaviors, "click")
        patience = _column(personas, "patience")[:, None]  # (N, M) below
        self.refine = moved(_column(behaviors, "refine"), patience)
        self.another = moved(_column(behaviors, "another"), patience)
        self.takes = _column(behaviors, "suggestion")
        self.chain = np.array([one.chain for one in behaviors])  # (M, 5, 5)
        self.dwell = np.array([one.dwell_seconds for one in behaviors]) * calibration.pace  # (M, 5)
        self.returns, self.return_days = _column(behaviors, "returns"), _column(behaviors, "return_days")
        self.repeat = moved(_column(behaviors, "repeat"), calibration.repeat)
        seasons = self._seasons()
        self.in_season = seasons / seasons.max(axis=1, keepdims=True)  # (days, D), 1 for the department in season most
        self.kinds = RangeSampler(self._demand().ravel())
        self.products = RangeSampler(world.popularity)
        self._offers: dict[tuple[float, float], RangeSampler] = {}

    def offers(self, persona: int) -> RangeSampler:
        """Samples the offers of products as this persona would word them."""
        who = self.personas[persona]
        tilt = (who.wordiness, who.length)
        if tilt not in self._offers:
            words = self.world.query_words[self.world.offer_query] - 2.0
            chars = self.world.query_chars[self.world.offer_query] - 12.0
            odds = np.clip(tilt[0] * words + tilt[1] * chars, -12, 12)
            self._offers[tilt] = RangeSampler(self.world.offer_weight * np.exp(odds))
        return self._offers[tilt]

    def tastes(self, persona: IntArray, generator: np.random.Generator) -> tuple[RowSampler, RowSampler]:
        """Each shopper's departments at the beginning and at the end of the window."""

        def drawn(table: FloatArray) -> RowSampler:
            own = generator.standard_gamma(_INDIVIDUAL * table[persona] + 1e-3)
            own /= own.sum(axis=1, keepdims=True)
            share = self.own[persona][:, None]
            return RowSampler(share * own + (1 - share) * self._anybody)

        return drawn(self.early), drawn(self.late)

    def _departments(self, *, early: bool) -> FloatArray:
        names = self.world.departments
        table = np.zeros((len(self.personas), len(names)))
        for row, who in enumerate(self.personas):
            wanted = who.departments if early else (who.later or who.departments)
            table[row] = _wanted(wanted, names)
            if not table[row].any():
                rng = random.Random(f"departments {self.seed} {who.name}")
                # By weight, without drawing one twice (Efraimidis and Spirakis 2006).
                order = sorted(range(len(names)), key=lambda column: math.log(1 - rng.random()) / self._anybody[column])
                for column in order[-max(1, round(math.sqrt(len(names)) / 2)) :]:
                    table[row, column] = rng.uniform(0.5, 1.5) * self._anybody[column]
        return np.asarray(table / table.sum(axis=1, keepdims=True))

    def _brands(self) -> FloatArray:
        """`(N, brands)`: what a persona has for and against brands, in log odds."""
        table = np.random.default_rng([self.seed, 1]).normal(0, 0.6, (len(self.personas), len(self.world.brands)))
        place = {name: number for number, name in enumerate(self.world.brands)}
        for row, who in enumerate(self.personas):
            favourites = [place[name] for name in who.brands if name in place]
            table[row, favourites] += 1.5
        return np.asarray(table)

    def _days(self) -> FloatArray:
        first = datetime.fromtimestamp(self.window.start, UTC).weekday()
        weekend = np.array([(first + day) % 7 >= 5 for day in range(self.window.days)])
        return np.array([np.where(weekend, who.weekend, 1.0) for who in self.personas])

    def _seasons(self) -> FloatArray:
        """`(days, D)` around 1."""
        days = np.arange(self.window.days)
        year = np.array(
            [datetime.fromtimestamp(self.window.start + day * DAY, UTC).timetuple().tm_yday for day in days]
        )
        seasons = np.ones((len(days), len(self.world.departments)))
        for number, name in enumerate(self.world.departments):
            if season := season_of(name):
                seasons[:, number] += season.more * np.cos(2 * np.pi * (year / 365 - (season.month - 0.5) / 12))
        return seasons

    def _demand(self) -> FloatArray:
        """`(days, K)` within a department."""
        days, kinds = np.arange(self.window.days), len(self.world.kinds)
        demand = np.tile(self.world.kind_weight, (len(days), 1))
        generator = np.random.default_rng([self.seed, 2])
        for kind in np.flatnonzero(generator.random(kinds) < _TREND_SHARE):
            peak, width = generator.uniform(0, self.window.days), generator.uniform(4, 15)
            demand[:, kind] *= 1 + generator.uniform(1, 4) * np.exp(-(((days - peak) / width) ** 2))
        return np.asarray(demand)


def _column(rows: Sequence[Persona] | Sequence[Behavior], name: str) -> FloatArray:
    return np.array([getattr(one, name) for one in rows], np.float64)


def _wanted(wanted: Mapping[str, float], names: Sequence[str]) -> FloatArray:
    """Weights of departments by their names, or where none is known so, by a word: `Pet Supplies` and `pet food`."""
    weights = np.array([wanted.get(name, 0.0) for name in names])
    if weights.any():
        return weights
    for name, weight in wanted.items():
        words = words_of(name)
        for column, other in enumerate(names):
            if words & words_of(other):
                weights[column] += weight
    return weights
