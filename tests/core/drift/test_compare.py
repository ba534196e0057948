"""Verdicts on traffic: two weeks of the same raise no alarm, a change does within 5,000 searches."""

import json
from collections import Counter

import numpy as np
import pytest

from core.drift.compare import (
    CALIBRATION_THRESHOLDS,
    HISTOGRAMS,
    Choices,
    DriftMeasure,
    Observed,
    Window,
    compare,
    unknown,
    worst,
)
from core.drift.measures import CALIBRATION, CATEGORY, LIKELIHOOD, lines_bin, products_bin, score_bin, words_bin
from core.drift.reference import REST, Histogram, Likelihood, Reference, binned, headed, likelihood_of

KINDS = 60
NEWEST = 5_000


def shares(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(KINDS, 0.7))


def labels(seed: int, count: int, of: np.ndarray) -> list[str]:
    """Searches by shoppers of three each, who mostly stay with a kind."""
    generator = np.random.default_rng(seed)
    first = generator.choice(KINDS, (count + 2) // 3, p=of)
    drawn = np.where(generator.random(count) < 0.3, np.repeat(first, 3)[:count], generator.choice(KINDS, count, p=of))
    return [f"kind {kind}" for kind in drawn.tolist()]


def shoppers(seed: int, count: int) -> np.ndarray:
    return np.repeat(np.random.default_rng(seed).integers(0, 2**32, (count + 2) // 3), 3)[:count]


REFERENCE = Reference({CATEGORY: headed(Counter(labels(1, 20_000, shares(7))), 20_000, 100)})


def look(values: list[str], who: np.ndarray) -> DriftMeasure:
    window = Window({CATEGORY: Observed(values[-NEWEST:], who[-NEWEST:])})
    return next(one for one in compare(REFERENCE, window) if one.name == CATEGORY)


@pytest.mark.parametrize("seed", range(3))
def test_two_weeks_of_the_same_raise_nothing(seed: int) -> None:
    count = 30_000
    values, who = labels(100 + seed, count, shares(7)), shoppers(seed, count)
    states = Counter(look(values[:end], who[:end]).state for end in range(500, count, 500))
    assert set(states) <= {"ok", "unknown"} and states["ok"] > 50


def test_another_demand_raises_the_alarm_within_5000_searches() -> None:
    season = shares(7) * np.exp(np.random.default_rng(8).normal(0, 0.5, KINDS))
    values = [*labels(5, NEWEST, shares(7)), *labels(6, NEWEST, season / season.sum())]
    who = shoppers(9, 2 * NEWEST)
    states = [look(values[:end], who[:end]).state for end in range(NEWEST, 2 * NEWEST + 1, 250)]
    assert states[0] == "ok" and states[-1] == "alarm"


def test_every_measure_is_always_there_and_explains_itself() -> None:
    for measures in (compare(None, Window()), compare(REFERENCE, Window()), unknown("there is nothing")):
        assert [one.name for one in measures] == [*HISTOGRAMS, LIKELIHOOD, CALIBRATION]
        assert all(one.state == "unknown" and one.value is None and one.explanation for one in measures)
        assert worst(measures) == "unknown"


def test_unknown_while_chance_alone_scatters_too_much() -> None:
    values, who = labels(3, 3_000, shares(7)), shoppers(3, 3_000)
    assert look(values[:200], who[:200]).state == "unknown"
    assert "too few" in look(values[:200], who[:200]).explanation
    assert look(values, who).state == "ok"
    same = np.zeros(3_000, np.int64)  # one shopper, however busy
    assert look(values, same).state == "unknown"


def test_likelihood_alarms_at_what_it_surely_fell() -> None:
    reference = Reference({}, Likelihood(-4.0, 1.0, 400.0))

    def state(mean: float, size: float) -> DriftMeasure:
        measures = compare(reference, Window(likelihood=Likelihood(mean, 1.0, size)))
        return next(one for one in measures if one.name == LIKELIHOOD)

    assert state(-9.0, 29).state == "unknown"
    assert state(-4.5, 100).state == "ok"  # three standard errors are 0.34
    assert state(-4.7, 100).state == "warning"
    assert state(-5.2, 100).state == "alarm"
    assert state(-5.2, 100).value == pytest.approx(1.2 - 3 * np.hypot(0.05, 0.1))
    assert state(-2.0, 100).value == 0  # likelier is no harm


def test_calibration_needs_no_reference() -> None:
    choices = Choices([0.9, 0.1] * 300, [0, 1] * 300, 300)
    found = compare(None, Window(choices=choices))[-1]
    assert (found.state, found.samples) == ("alarm", 300) and found.value == pytest.approx(0.9)
    assert found.threshold_alarm == CALIBRATION_THRESHOLDS[1]
    assert worst(compare(None, Window(choices=choices))) == "alarm"


def test_a_reference_is_what_was_stored() -> None:
    reference = Reference(
        {"words": binned({"1": 3.0}, ("1", "2"), 3.0), **REFERENCE.histograms}, likelihood_of([-1.0, -3.0], [3, 1])
    )
    assert Reference.from_dict(json.loads(json.dumps(reference.to_dict()))) == reference
    assert reference.likelihood is not None
    assert (reference.likelihood.mean, reference.likelihood.size) == (-1.5, 1.6)
    assert reference.likelihood.deviation == pytest.approx(np.sqrt(0.75))
    with pytest.raises(ValueError, match="format"):
        Reference.from_dict({"format": 0})


def test_what_has_no_bin_is_the_rest() -> None:
    head = headed({"a": 5.0, "b": 2.0, "c": 2.0, "d": 1.0}, 10.0, top=2)
    assert head == Histogram(("a", "b", REST), (5.0, 2.0, 3.0), 10.0)
    assert head.places(["b", "z", "a", "d"]).tolist() == [1, 2, 0, 2]


def test_bins() -> None:
    assert [score_bin(score) for score in (0.0, 0.1, 0.99, 1.0)] == ["0.0", "0.1", "0.9", "0.9"]
    assert [lines_bin(count) for count in (0, 1, 2, 4, 5, 20)] == ["0", "1", "2-4", "2-4", "5+", "5+"]
    assert [products_bin(count) for count in (None, 0, 1, 3, 4, 10**6)] == ["unknown", "none", "1", "2", "4", "4096"]
    assert [words_bin(text) for text in ("a", "a b", "a b c d e f g")] == ["1", "2", "6"]
