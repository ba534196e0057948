"""Lists are fair, repeat themselves and continue; credits are worth what an A/B test would measure."""

import subprocess
import sys
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from core.errors import ExperimentDataError
from core.experiments.interleaving import Method, Team, interleave
from core.experiments.preferences import prefer
from tests.benchmarks.interleaving_sensitivity import ab_sessions, credits, draw, liked, needed

RANKINGS = st.lists(st.sampled_from("abcdefghijklmnop"), unique=True, max_size=12)
METHODS = st.sampled_from(list(Method))


@settings(max_examples=200, deadline=None)
@given(RANKINGS, RANKINGS, st.text(max_size=8), METHODS, st.integers(1, 30))
def test_lists_are_whole_repeat_and_continue(a: list[str], b: list[str], seed: str, method: Method, limit: int) -> None:
    done = interleave(a, b, seed, limit, method)
    assert len(done.items) == len(set(done.items)) == min(limit, len({*a, *b})) == len(done.credits) == len(done.teams)
    assert {*done.items} <= {*a, *b}
    assert interleave(a, b, seed, limit, method) == done
    assert interleave(a, b, seed, limit + 5, method).items[: len(done.items)] == done.items
    for credit, team in zip(done.credits, done.teams, strict=True):
        assert np.sign(credit) == {Team.A: -1, Team.B: 1, Team.BOTH: 0}[team]
    if method is Method.BALANCED:  # the first n hold the first n/2 of each, one more or less (Joachims 2002)
        for n in range(1, len(done.items) + 1):
            deep = [next((at for at, item in enumerate(one) if item not in done.items[:n]), len(one)) for one in (a, b)]
            if deep[0] < len(a) and deep[1] < len(b):
                assert min(deep) >= n // 2


@settings(max_examples=50, deadline=None)
@given(st.permutations("abcdefgh"), st.permutations("abcdefgh"), METHODS, st.integers(1, 8))
def test_longer_rankings_continue_the_list(a: list[str], b: list[str], method: Method, limit: int) -> None:
    short = interleave(a[:limit], b[:limit], "r-7", limit, method)
    assert interleave(a, b, "r-7", limit, method).items == short.items


@settings(max_examples=50, deadline=None)
@given(st.permutations("abcdefgh"), st.text(max_size=5), METHODS)
def test_a_ranker_against_itself_wins_nothing(a: list[str], seed: str, method: Method) -> None:
    done = interleave(a, a, seed, 8, method)
    assert done.items == tuple(a) and set(done.credits) == {0.0} and done.preference(list("abc")) == 0


@pytest.mark.parametrize("method", list(Method))
def test_another_process_makes_the_same_list(method: Method) -> None:
    code = (
        "from core.experiments.interleaving import interleave, Method;"
        f"print(''.join(interleave('abcdef', 'fedcba', 'request-1', 6, Method('{method}')).items))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "".join(interleave("abcdef", "fedcba", "request-1", 6, method).items)


def test_both_begin_as_often_and_each_has_its_share() -> None:
    first: Counter[str] = Counter()
    for number in range(2_000):
        done = interleave("axbycz", "uvwxyz", f"request {number}", 6)
        first[done.items[0]] += 1
        assert done.teams.count(Team.A) == done.teams.count(Team.B) == 3
    assert binom.ppf(0.001, 2_000, 0.5) < first["a"] < binom.ppf(0.999, 2_000, 0.5) and first["a"] + first["u"] == 2_000


def test_balanced_credits_are_the_difference_of_an_ab_test() -> None:
    generator = np.random.default_rng(1)
    for b in list(permutations("abcde"))[::3]:
        a, appeal = "abcde", dict(zip("abcde", generator.random(5), strict=True))
        coins = {interleave(a, b, str(seed), 5, Method.BALANCED) for seed in range(40)}  # what the two coins show
        assert len(coins) == 1 + (tuple(a) != b)
        mean = sum(
            credit * appeal[item] / (place + 1) / len(coins)
            for one in coins
            for place, (item, credit) in enumerate(zip(one.items, one.credits, strict=True))
        )
        truth = sum((1 / (b.index(item) + 1) - 1 / (a.index(item) + 1)) * appeal[item] for item in a)
        assert mean == pytest.approx(truth)


def test_a_ranking_names_a_product_once() -> None:
    with pytest.raises(ValueError, match="once"):
        interleave("aba", "abc", "s", 3)
    with pytest.raises(ValueError, match="cannot be shown"):
        interleave("ab", "ba", "s", 0)
    assert interleave("", "", "s", 3).items == ()
    assert interleave("", "ab", "s", 3, Method.BALANCED).items == ("a", "b")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]), min_size=1, max_size=200))
def test_preferences_are_the_sign_test_of_scipy(credits: list[float]) -> None:
    done, mirrored = prefer(credits, 100), prefer(-np.array(credits), 100)
    decided = done.for_a + done.for_b
    if decided:
        assert done.sign_p == pytest.approx(binomtest(done.for_b, decided).pvalue)
    assert mirrored.for_a == done.for_b and mirrored.low == pytest.approx(-done.high)
    assert done.share_b + mirrored.share_b == pytest.approx(1)
    assert done.low <= done.mean_credit <= done.high


def test_preferences_of_equal_rankers_looked_at_often() -> None:
    generator = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        credits = generator.choice([-1.0, 0.0, 1.0], 1_000, p=[0.15, 0.7, 0.15])
        wrong += any(prefer(credits[:n], 500).always_valid_p < 0.05 for n in range(50, 1_001, 50))
    assert wrong <= binom.ppf(0.99, 200, 0.05)
    found = prefer(generator.choice([-1.0, 0.0, 1.0], 2_000, p=[0.1, 0.7, 0.2]), 1_000)
    assert found.low > 0 and found.always_valid_p < 0.05 and found.share_b == pytest.approx(0.55, abs=0.02)
    with pytest.raises(ExperimentDataError):
        prefer([], 10)
    with pytest.raises(ValueError, match="no plan"):
        prefer([1.0], 0)


@pytest.mark.parametrize("method", list(Method))
def test_the_better_ranker_is_found_with_a_tenth_of_the_sessions(method: Method) -> None:
    pair = draw(liked(0), liked(0.3), sessions=2_500, seed=3)
    values = credits(pair, method, 4, lambda *_: None)
    assert prefer(values, 500).low > 0
    assert 10 * needed(values) < min(ab_sessions(pair, 5).values())
