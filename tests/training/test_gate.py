"""The gate, on numbers that can be checked by hand."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.gate import COVERAGE_TOLERANCE, TOLERANCE, Outcome, compare

MISS = Outcome(0.0, 0.0, 1.0)
FIRST = Outcome(1.0, 1.0, 1.0)
TENTH = Outcome(1.0, 0.1, 1.0)
NOTHING = Outcome(0.0, 0.0, 0.0)


def outcomes(*groups: tuple[int, Outcome]) -> list[Outcome]:
    return [outcome for count, outcome in groups for _ in range(count)]


def test_the_figures() -> None:
    verdict = compare(outcomes((3, FIRST), (1, MISS)), outcomes((2, FIRST), (1, TENTH), (1, FIRST)))
    figures = verdict.figures
    assert verdict.accepted
    assert (figures["measured"], figures["serving Success@10"], figures["candidate Success@10"]) == (4, 0.75, 1.0)
    assert figures["serving MRR@10"] == pytest.approx(0.75)
    assert figures["candidate MRR@10"] == pytest.approx(0.775)
    assert figures["difference of Success@10"] == pytest.approx(0.25)
    low, high = (figures[f"difference of Success@10, {end}"] for end in ("low", "high"))
    assert 0 <= low <= 0.25 <= high <= 1


@pytest.mark.parametrize(
    "serving, candidate, reasons",
    [
        ([(500, FIRST), (500, MISS)], [(500, FIRST), (500, MISS)], []),
        ([(500, FIRST), (500, MISS)], [(600, FIRST), (400, MISS)], []),
        # 20 of 1,000 lost: more than the tolerance
        ([(500, FIRST), (500, MISS)], [(480, FIRST), (520, MISS)], ["Success@10", "MRR@10"]),
        # 8 of 1,000 lost and none won: within the tolerance, but the interval excludes zero
        ([(500, FIRST), (500, MISS)], [(492, FIRST), (508, MISS)], ["Success@10", "MRR@10"]),
        # 8 lost and 6 won of 1,000: noise
        ([(6, MISS), (500, FIRST), (494, MISS)], [(6, FIRST), (492, FIRST), (502, MISS)], []),
        # the same successes further down the list
        ([(500, FIRST), (500, MISS)], [(470, FIRST), (30, TENTH), (500, MISS)], ["MRR@10"]),
        # as good where it answers, but 11 of 1,000 prefixes get nothing any more
        ([(1_000, MISS)], [(989, MISS), (11, NOTHING)], ["no suggestion"]),
        ([(1_000, MISS)], [(990, MISS), (10, NOTHING)], []),
    ],
)
def test_what_passes(
    serving: Sequence[tuple[int, Outcome]], candidate: Sequence[tuple[int, Outcome]], reasons: Sequence[str]
) -> None:
    verdict = compare(outcomes(*serving), outcomes(*candidate))
    assert len(verdict.reasons) == len(reasons)
    assert all(part in reason for part, reason in zip(reasons, verdict.reasons, strict=True))
    assert verdict.accepted == (not reasons)


def test_no_evidence_is_no_permission() -> None:
    verdict = compare([], [])
    assert not verdict.accepted and "nothing" not in verdict.figures
    assert "no completed search" in verdict.reasons[0]


def test_unpaired_outcomes_are_refused() -> None:
    with pytest.raises(ValueError, match="paired"):
        compare([FIRST], [])


_OUTCOME = st.sampled_from([MISS, FIRST, TENTH, NOTHING])


@settings(derandomize=True, deadline=None, max_examples=10)
@given(st.lists(st.tuples(_OUTCOME, _OUTCOME), min_size=1, max_size=60))
def test_of_two_versions_that_differ_at_most_one_is_refused_for_each_measure(
    pairs: list[tuple[Outcome, Outcome]],
) -> None:
    one, other = [first for first, _ in pairs], [second for _, second in pairs]
    forward, back = compare(one, other), compare(other, one)
    for name in ("Success@10", "MRR@10"):
        difference = forward.figures[f"difference of {name}"]
        assert difference == pytest.approx(-back.figures[f"difference of {name}"])
        refused = [any(name in reason for reason in verdict.reasons) for verdict in (forward, back)]
        assert not all(refused)
        assert refused[0] or difference >= -TOLERANCE
    lost = forward.figures["serving answered"] - forward.figures["candidate answered"]
    assert forward.reasons or lost <= COVERAGE_TOLERANCE + 1e-9
    assert compare(one, one).accepted
