"""Today's traffic against the reference of the version that serves it, one verdict a measure.

| measure | value | warning | alarm |
|---|---|---|---|
| histograms | PSI above what chance gives (`core.drift.divergence`) | 0.08 | 0.15 |
| likelihood | nats per word by which it surely fell: the difference less three standard errors | 0.25 | 0.75 |
| calibration | expected calibration error (`core.drift.calibration`) | 0.1 | 0.2 |

The usual marks of PSI are 0.1 and 0.25 ("some", "much" change: Siddiqi 2006), for samples whose chance is not
subtracted. These are lower, since a season should be heard within 5,000 searches, and still far above what two weeks of
stationary simulated traffic give (`tests.benchmarks.drift`). A measure is unknown as long as chance alone scatters by
more than a sixth of the alarm: then no alarm is raised by chance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.drift.calibration import calibration_error
from core.drift.divergence import design_effect, excess_index, expected_index, jensen_shannon_bits, scatter
from core.drift.measures import (
    CALIBRATION,
    CATEGORY,
    FIRST_LETTERS,
    LIKELIHOOD,
    LINES,
    MEANING,
    PRODUCTS,
    SCORE,
    SOURCE,
    WORDS,
)
from core.drift.reference import Histogram, Likelihood, Reference

State = Literal["ok", "warning", "alarm", "unknown"]

HISTOGRAMS = (FIRST_LETTERS, CATEGORY, WORDS, SCORE, SOURCE, LINES, PRODUCTS)
PSI_THRESHOLDS = (0.08, 0.15)
LIKELIHOOD_THRESHOLDS = (0.25, 0.75)
CALIBRATION_THRESHOLDS = (0.1, 0.2)
MOST_SCATTER = PSI_THRESHOLDS[1] / 6
FEWEST_HELD_OUT = 30  # distinct texts that no model has learnt, of which one in twenty searches is one
FEWEST_CHOICES = 200
_SURE = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class Observed:
    """Values, and a number of at least `divergence.ROUNDS` random bits for whose each one is."""

    values: Sequence[str]
    clusters: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choices:
    """Of lists of which one line was chosen: forecast and outcome (0 or 1) of each line, `(N,)` both."""

    forecast: Sequence[float] = ()
    chosen: Sequence[int] = ()
    lists: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """What is compared. A measure that is not there was not looked at."""

    observed: Mapping[str, Observed] = field(default_factory=dict)
    likelihood: Likelihood | None = None
    choices: Choices = field(default_factory=Choices)


@dataclass(frozen=True, slots=True)
class DriftMeasure:
    """`value` None where the state is unknown. `samples`: what was seen, before what repeats itself is allowed for."""

    name: str
    value: float | None
    threshold_warning: float
    threshold_alarm: float
    state: State
    samples: int
    explanation: str


def compare(reference: Reference | None, window: Window) -> list[DriftMeasure]:
    """Every measure, in a fixed order. Without a `reference` all but the calibration are unknown."""
    found = [_histogram(name, reference, window.observed.get(name)) for name in HISTOGRAMS]
    return [*found, _likelihood(reference, window.likelihood), _calibration(window.choices)]


def unknown(reason: str) -> list[DriftMeasure]:
    """Every measure where nothing can be compared."""
    thresholds = dict.fromkeys(HISTOGRAMS, PSI_THRESHOLDS)
    thresholds |= {LIKELIHOOD: LIKELIHOOD_THRESHOLDS, CALIBRATION: CALIBRATION_THRESHOLDS}
    return [_unknown(name, both, 0, reason) for name, both in thresholds.items()]


def worst(measures: Sequence[DriftMeasure]) -> State:
    """The state of all: what is unknown hides no warning, and is said where nothing else is known."""
    states = {one.state for one in measures}
    order: tuple[State, ...] = ("alarm", "warning", "ok")
    return next((state for state in order if state in states), "unknown")


def _histogram(name: str, reference: Reference | None, seen: Observed | None) -> DriftMeasure:
    known = reference.histograms.get(name) if reference else None
    if known is None:
        return _unknown(name, PSI_THRESHOLDS, 0, "the version was published without a reference")
    bins, count = len(known.labels), 0 if seen is None else len(seen.values)
    if seen is None or not count:
        return _unknown(name, PSI_THRESHOLDS, 0, "nothing was seen since the version was made")
    places = known.places(seen.values)
    counts, effect = np.bincount(places, minlength=bins), design_effect(places, seen.clusters, bins)
    sizes = count / effect, known.size / effect  # the log is taken to be of shoppers like these
    if scatter(bins, *sizes) > MOST_SCATTER:
        return _unknown(name, PSI_THRESHOLDS, count, f"{sizes[0]:,.0f} independent observations are too few")
    value = excess_index(known.counts, counts, *sizes)
    chance = expected_index(bins, *sizes)
    bits = jensen_shannon_bits(known.counts, counts)
    said = (
        f"{MEANING[name]}: PSI {value:.3f} above the {chance:.3f} that chance gives for {sizes[0]:,.0f} independent "
        f"observations; Jensen–Shannon {bits:.3f} bits; most changed: {_most_changed(known, counts.tolist())}"
    )
    return _judged(name, value, PSI_THRESHOLDS, count, said)


def _likelihood(reference: Reference | None, seen: Likelihood | None) -> DriftMeasure:
    known = reference.likelihood if reference else None
    if known is None:
        return _unknown(LIKELIHOOD, LIKELIHOOD_THRESHOLDS, 0, "the version was published without held-out queries")
    if seen is None or seen.size < FEWEST_HELD_OUT:
        size = 0 if seen is None else seen.size
        return _unknown(LIKELIHOOD, LIKELIHOOD_THRESHOLDS, round(size), f"{size:.0f} of {FEWEST_HELD_OUT} observations")
    fell = known.mean - seen.mean
    error = math.hypot(known.deviation / math.sqrt(known.size), seen.deviation / math.sqrt(seen.size))
    said = f"{MEANING[LIKELIHOOD]}: {seen.mean:.2f} nats, at training {known.mean:.2f}, standard error {error:.2f}"
    return _judged(LIKELIHOOD, max(0.0, fell - _SURE * error), LIKELIHOOD_THRESHOLDS, round(seen.size), said)


def _calibration(choices: Choices) -> DriftMeasure:
    if choices.lists < FEWEST_CHOICES:
        reason = f"{choices.lists} of {FEWEST_CHOICES} lists with a chosen line"
        return _unknown(CALIBRATION, CALIBRATION_THRESHOLDS, choices.lists, reason)
    value = calibration_error(choices.forecast, choices.chosen)
    said = f"{MEANING[CALIBRATION]}: they differ by {value:.3f} on average"
    return _judged(CALIBRATION, value, CALIBRATION_THRESHOLDS, choices.lists, said)


def _most_changed(known: Histogram, counts: Sequence[float]) -> str:
    """The three bins whose shares moved most, as `label +4 %` in points."""
    before, now = max(sum(known.counts), 1.0), max(sum(counts), 1.0)
    moved = [count / now - old / before for old, count in zip(known.counts, counts, strict=True)]
    first = sorted(range(len(moved)), key=lambda at: -abs(moved[at]))[:3]
    return ", ".join(f"{known.labels[at]} {100 * moved[at]:+.1f} points" for at in first)


def _judged(name: str, value: float, thresholds: tuple[float, float], samples: int, said: str) -> DriftMeasure:
    warning, alarm = thresholds
    state: State = "alarm" if value >= alarm else "warning" if value >= warning else "ok"
    return DriftMeasure(name, value, warning, alarm, state, samples, said)


def _unknown(name: str, thresholds: tuple[float, float], samples: int, reason: str) -> DriftMeasure:
    return DriftMeasure(name, None, *thresholds, "unknown", samples, f"{MEANING[name]}: {reason}")
