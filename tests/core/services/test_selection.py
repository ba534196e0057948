"""One line for each thing, and not ten of one kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.services.selection import Ranked, diversified, form_key, merged, strength


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("red running shoes", "running shoes red", True),
        ("running shoe", "running shoes", True),
        ("baby", "babies", True),
        ("box", "boxes", True),
        ("phone case", "phone cases", True),
        ("garden hose", "garden hoses", True),
        ("dish", "dishes", True),
        ("gears of war 3", "gears of war 2", False),
        ("gaming chair", "game chair", False),
        ("bass", "bas", False),
        ("ps3", "ps", False),
        ("shoes for men", "shoes men", False),
    ],
)
def test_forms_of_one_thing(one: str, other: str, same: bool) -> None:
    assert (form_key(one) == form_key(other)) is same


def test_the_best_form_is_kept_with_the_probability_of_all() -> None:
    ranked = [
        Ranked("running shoes", 0.4),
        Ranked("tent", 0.3),
        Ranked("shoes running", 0.2),
        Ranked("running shoe", 0.1),
    ]
    lines = merged(ranked, [form_key(line.text) for line in ranked])
    assert [(line.text, round(line.probability, 9)) for line in lines] == [("running shoes", 0.7), ("tent", 0.3)]


def test_a_kind_loses_with_each_further_line() -> None:
    lines = [Ranked("a", 0.4, 1), Ranked("b", 0.3, 1), Ranked("c", 0.2, 2), Ranked("d", 0.1, None)]
    assert [line.text for line in diversified(lines, 4, 0.0)] == ["a", "b", "c", "d"]
    # b is worth 0.3 · 0.5 after a; d counts for no kind
    assert [line.text for line in diversified(lines, 4, 0.5)] == ["a", "c", "b", "d"]
    assert [line.text for line in diversified(lines, 2, 1.0)] == ["a", "c"]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from([None, 1, 2, 3])), max_size=12),
    st.integers(1, 12),
    st.floats(0, 1),
)
def test_diversifying_only_reorders(lines: list[tuple[float, int | None]], limit: int, loss: float) -> None:
    ranked = [Ranked(str(at), share, kind) for at, (share, kind) in enumerate(sorted(lines, key=lambda one: -one[0]))]
    chosen = diversified(ranked, limit, loss)
    assert len(chosen) == min(limit, len(ranked)) == len(set(chosen))
    assert not chosen or chosen[0] == ranked[0]


def test_what_is_typed_focuses() -> None:
    assert strength(0.4, 0) == 0.4 and strength(0.4, 4) == pytest.approx(0.2) and strength(0.4, 30) == 0
