"""Many simulated experiments at once, looked at again and again: for tests and for the benchmark."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from core.experiments.sequential import CARRIERS, START, always_valid_p, boundary, information

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Draw = Callable[[np.random.Generator, tuple[int, int]], FloatArray]
"""Values of that many (experiments, users)."""


@dataclass(frozen=True, slots=True)
class Looks:
    """(2, E, K) each: of control and treatment, of E experiments, at K looks."""

    count: FloatArray
    mean: FloatArray
    variance: FloatArray
    carriers: FloatArray

    @property
    def difference(self) -> FloatArray:
        return np.asarray(self.mean[1] - self.mean[0])

    @property
    def error(self) -> FloatArray:
        return np.asarray(np.sqrt((self.variance / self.count).sum(0)))

    @property
    def speaks(self) -> BoolArray:
        enough = (self.count.min(0) >= START) & (self.carriers.min(0) >= CARRIERS)
        return np.asarray(enough & (self.error > 0))

    def z(self, truth: float = 0.0) -> FloatArray:
        """0 where there is no spread."""
        error = self.error
        away = self.difference - truth
        return np.divide(away, error, out=np.zeros_like(error), where=error > 0)

    def fixed_p(self) -> FloatArray:
        return np.asarray(2 * ndtr(-np.abs(self.z())))

    def always_valid_p(self, planned: float) -> FloatArray:
        return np.where(self.speaks, always_valid_p(self.z(), information(self.count[0], self.count[1], planned)), 1.0)

    def covers(self, truth: float, planned: float, alpha: float = 0.05) -> BoolArray:
        wide = boundary(information(self.count[0], self.count[1], planned), alpha)
        return np.asarray(~self.speaks | (np.abs(self.z(truth)) <= wide))


def look(control: Draw, treatment: Draw, experiments: int, users: int, every: int, seed: int) -> Looks:
    """`users` come one after the other, each into an arm by a fair lot; a look after `every` of them."""
    generator = np.random.default_rng(seed)
    shape = (experiments, users)
    treated = generator.random(shape) < 0.5
    values = np.where(treated, treatment(generator, shape), control(generator, shape))

    def running(amount: FloatArray) -> FloatArray:
        by_look = amount.reshape(experiments, users // every, every).sum(2)
        return np.asarray(by_look.cumsum(1))

    arms = [~treated, treated]
    count = np.stack([running(arm.astype(np.float64)) for arm in arms])
    mean = np.stack([running(np.where(arm, values, 0.0)) for arm in arms]) / count
    second, third, fourth = (
        np.stack([running(np.where(arm, values**power, 0.0)) for arm in arms]) / count for power in (2, 3, 4)
    )
    squared = np.maximum(0.0, second - mean**2)
    fourth = fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4
    carriers = np.divide(count * squared**2, fourth, out=np.ones_like(count), where=fourth > 1e-12)
    return Looks(count, mean, squared * count / (count - 1), carriers)


def clicks(rate: float) -> Draw:
    """1 with probability `rate`."""
    return lambda generator, shape: (generator.random(shape) < rate).astype(np.float64)


def revenue(buyers: float, sigma: float, factor: float = 1.0) -> Draw:
    """Most buy nothing; an order is log-normal around 20, with `sigma` its logarithm's standard deviation."""

    def draw(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        values = np.zeros(shape)
        buys = generator.random(shape) < buyers
        values[buys] = factor * 20 * np.exp(generator.normal(0, sigma, int(buys.sum())))
        return values

    return draw
