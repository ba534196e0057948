"""The blend: its features by hand, its probabilities, and the fit to a shop."""

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.optimize import check_grad

from core.domain import PreviousQuery, Source, WeightedQuery
from core.language_model.corpus import is_held_out
from core.services.blend import FEATURES, SESSION_FEATURES, Blend, Session, features, probabilities, session_features
from core.services.sources.contract import Match, Pool
from training.blend_fitting import Example, draw, fitted, loss_and_gradient, matrix

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = Blend(1.0, dict.fromkeys(FEATURES, 0.0) | {"log_mass": 1.0}, dict.fromkeys(SESSION_FEATURES, 0.0))


def pool() -> Pool:
    """Typed `red s`: 6 completions of `red shoes`, 2 of `red socks`; the models add `red sofa`; `bed s` is near."""
    found = Pool(evidence=2.0, seen=8.0)
    found.add("red shoes", Source.HISTORY, Match.LITERAL, "red s", weight=6)
    found.add("red socks", Source.HISTORY, Match.LITERAL, "red s", weight=2)
    found.add("red shoes", Source.QUERY_MODEL, Match.LITERAL, "red s", generated=0.5)
    found.add("red sofa", Source.QUERY_MODEL, Match.LITERAL, "red s", generated=0.5)
    found.seen += 10 * math.exp(-3.0)
    found.add("bed sheets", Source.HISTORY, Match.NEAR, "bed s", cost=3.0, weight=10)
    return found


def test_the_joint_distribution_adds_up() -> None:
    found = pool()
    masses = {text: found.mass(candidate) for text, candidate in found.candidates.items()}
    assert sum(masses.values()) == pytest.approx(1.0)
    assert masses["red shoes"] == pytest.approx(7 / (10 + 10 * math.exp(-3)))
    assert masses["bed sheets"] == pytest.approx(10 * math.exp(-3) / (10 + 10 * math.exp(-3)))


def test_a_less_direct_way_to_a_known_text_tells_nothing_new() -> None:
    found = pool()
    found.add("red socks", Source.HISTORY, Match.NEAR, "red so", cost=2.0, weight=2)
    assert found.candidates["red socks"].weight == 2 and found.candidates["red socks"].match is Match.LITERAL


def test_an_exact_hit_beats_a_corrected_one_of_equal_weight() -> None:
    found = Pool(evidence=2.0, seen=4.0)
    found.add("red socks", Source.HISTORY, Match.LITERAL, "red s", weight=4)
    found.add("bed socks", Source.HISTORY, Match.NEAR, "bed s", cost=1.0, weight=4)
    exact, corrected = Blend().log_scores(found.candidates.values(), found, "red s")
    assert exact > corrected


def test_the_last_weight_is_what_a_newcomer_must_beat() -> None:
    assert pool().last_weight(2) == 2 and pool().last_weight(1) == 6
    assert pool().last_weight(20) == 0


def test_features_by_hand() -> None:
    found = pool()
    by_name = dict(zip(FEATURES, features(found.candidates["red sofa"], found, "red s"), strict=True))
    assert by_name["seen"] == 0 and by_name["log_generated"] == pytest.approx(math.log(0.5 + 1e-4))
    assert by_name["log_rest"] == pytest.approx(math.log(4)) and by_name["rest_words"] == 0 == by_name["corrected"]
    near = dict(zip(FEATURES, features(found.candidates["bed sheets"], found, "red s"), strict=True))
    assert near["corrected"] == 1 and near["log_seen"] == pytest.approx(math.log(11))


def test_plain_weights_give_back_the_joint_distribution() -> None:
    found = pool()
    shares = probabilities(PLAIN.log_scores(found.candidates.values(), found, "red s"))
    assert shares == pytest.approx([found.mass(candidate) for candidate in found.candidates.values()])
    assert probabilities([]) == []


def test_a_session_by_hand() -> None:
    previous = [
        PreviousQuery("red shoes", NOW - timedelta(hours=1)),
        PreviousQuery("blue tent", NOW - timedelta(hours=2)),
    ]
    session = Session.of(previous, NOW)
    assert session is not None and Session.of([], NOW) is None
    assert session_features("red shoes", 0, session) == pytest.approx((1, 0, 0.5, 1))
    assert session_features("blue tent", 1, session) == pytest.approx((0, 1, 0.25, 1))
    assert session_features("red tent pegs", 1, session) == pytest.approx((0, 0, 0, 0.5))


def test_a_blend_survives_json() -> None:
    assert Blend.from_dict(Blend().as_dict()) == Blend()
    with pytest.raises(KeyError):
        Blend.from_dict({**Blend().as_dict(), "weights": {}})


def example(right: str) -> Example:
    found = pool()
    candidates = tuple(found.candidates.values())
    return Example("red s", found, candidates, [one.text for one in candidates].index(right))


def test_the_gradient_is_the_losss() -> None:
    values, mask = matrix([example("red shoes"), example("red sofa")], evidence=2.0)
    right = np.array([0, 2])
    start = np.zeros(len(FEATURES))

    def loss(weights: np.ndarray) -> float:
        return loss_and_gradient(weights, values, mask, right, start)[0]

    def gradient(weights: np.ndarray) -> np.ndarray:
        return loss_and_gradient(weights, values, mask, right, start)[1]

    point = np.linspace(-0.5, 0.5, len(FEATURES))
    assert check_grad(loss, gradient, point) < 1e-5


def test_a_shop_of_unseen_queries_trusts_the_models_more() -> None:
    unseen, seen = fitted([example("red sofa")] * 60), fitted([example("red shoes")] * 60)
    shares = [
        dict(
            zip(
                pool().candidates,
                probabilities(blend.log_scores(pool().candidates.values(), pool(), "red s")),
                strict=True,
            )
        )
        for blend in (
            dataclasses.replace(unseen, evidence=2.0),
            dataclasses.replace(seen, evidence=2.0),
        )
    ]
    assert shares[0]["red sofa"] > shares[1]["red sofa"] and shares[1]["red shoes"] > shares[0]["red shoes"]


def test_single_completions_are_replaced_by_what_no_model_learnt() -> None:
    once = [WeightedQuery(f"query {number}", 1.0) for number in range(2_000)]
    often = [WeightedQuery("shoes", 2_000.0)]
    drawn = draw([*once, *often], 400, seed=0)
    singles = [query for query in drawn if query.weight == 1]
    assert len(drawn) == 400 and all(is_held_out(query.text) for query in singles)
    assert 150 < len(singles) < 250  # half of the completions are of queries that occur once
    assert drawn == draw([*once, *often], 400, seed=0)
