"""Search rules: which of them hold for a query, and what they do to a list."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import Adjustment, AppliedRules, Product, RuleMatch
from core.retrieval.columns import build_columns
from core.services.merchandising import adjustment, with_pins
from core.services.search_rules import SearchRule, SearchRules

NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXACT, CONTAINS, ANY = RuleMatch


def pinned(rules: SearchRules, text: str, now: datetime = NOW) -> list[str]:
    return [product_id for product_id, _ in rules.for_query(text, now).pins]


def pin(name: str, match: RuleMatch, text: str) -> SearchRule:
    return SearchRule(match, text, pin=(name, 1))


def test_a_rule_matches_the_whole_query_or_words_in_a_row() -> None:
    rules = SearchRules.of([pin("in a row", CONTAINS, "red shoes"), pin("whole", EXACT, "red shoes")])
    assert pinned(rules, "red shoes") == ["whole", "in a row"]  # exact ones go first
    assert pinned(rules, "big red shoes sale") == ["in a row"]
    for other in ("red running shoes", "shoes red", "bored shoes", "red shoess", "red", ""):
        assert pinned(rules, other) == [], other


def test_a_rule_without_words_matches_nothing_unless_it_matches_any() -> None:
    moved = Adjustment(0.5, field="brand", value="Nike")
    rules = SearchRules.of(
        [SearchRule(EXACT, redirect="/a"), SearchRule(CONTAINS, redirect="/b"), SearchRule(ANY, adjustment=moved)]
    )
    assert rules.for_query("", NOW) == rules.for_query("shoes", NOW) == AppliedRules(adjustments=(moved,))
    assert SearchRules().for_query("shoes", NOW) == AppliedRules()


def test_a_rule_holds_from_its_start_until_its_end() -> None:
    rules = SearchRules.of([SearchRule(EXACT, "a", pin=("now", 1), starts_at=NOW, ends_at=NOW + HOUR)])
    assert pinned(rules, "a", NOW - timedelta(microseconds=1)) == []
    assert pinned(rules, "a", NOW) == ["now"]
    assert pinned(rules, "a", NOW + HOUR) == []


def test_of_several_redirects_the_exact_and_then_the_oldest_counts() -> None:
    rules = SearchRules.of(
        [
            SearchRule(CONTAINS, "sale", redirect="/contains"),
            SearchRule(EXACT, "shoe sale", redirect="/old", ends_at=NOW),
            SearchRule(EXACT, "shoe sale", redirect="/exact"),
            SearchRule(EXACT, "shoe sale", redirect="/newer"),
        ]
    )
    assert rules.for_query("shoe sale", NOW).redirect == "/exact"
    assert rules.for_query("hat sale", NOW).redirect == "/contains"
    assert rules.for_query("hat", NOW).redirect is None


COLUMNS = build_columns(
    [
        Product("a", "A", brand="Nike", category="Shoes", attributes={"color": "Red"}),
        Product("b", "B", brand="NIKE", category="Hats"),
        Product("c", "C", category="Shoes", attributes={"color": "Blue"}),
    ]
)
ROWS = {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize(
    ("adjustments", "added"),
    [
        ([], [0, 0, 0]),
        ([Adjustment(0.5, field="brand", value="nike")], [0, 0.5, 0.5]),
        ([Adjustment(-0.5, field="category", value="SHOES")], [-0.5, -0.5, 0]),
        ([Adjustment(0.25, field="attributes.color", value="red")], [0, 0.25, 0]),
        ([Adjustment(0.25, product_id="c"), Adjustment(0.25, field="category", value="Shoes")], [0.5, 0.25, 0]),
        ([Adjustment(0.75, product_id="c"), Adjustment(0.75, product_id="c")], [1, 0, 0]),
        ([Adjustment(-0.75, product_id="b"), Adjustment(-0.75, product_id="b")], [0, 0, -1]),
        ([Adjustment(0.5, product_id="gone"), Adjustment(0.5, field="brand", value="Puma")], [0, 0, 0]),
        ([Adjustment(0.5, field="attributes.size", value="9"), Adjustment(0.5, field="price", value="9")], [0, 0, 0]),
    ],
)
def test_what_rules_add_to_scores(adjustments: list[Adjustment], added: list[float]) -> None:
    found = adjustment(adjustments, COLUMNS, ROWS.get, np.array([2, 0, 1], np.int32))
    assert found.dtype == np.float32
    assert found.tolist() == added


@pytest.mark.parametrize(
    ("order", "pins", "expected"),
    [
        ([5, 6, 7], [], [5, 6, 7]),
        ([5, 6, 7], [(7, 1)], [7, 5, 6]),
        ([5, 6, 7], [(5, 2)], [6, 5, 7]),
        ([5, 6, 7], [(9, 2)], [5, 9, 6, 7]),
        ([5, 6, 7], [(9, 100)], [5, 6, 7, 9]),
        ([5, 6, 7], [(8, 1), (9, 1)], [8, 9, 5, 6, 7]),
        ([5, 6, 7], [(9, 3), (8, 1)], [8, 5, 9, 6, 7]),
        ([5, 6, 7], [(7, 1), (7, 3)], [7, 5, 6]),
        ([], [(9, 4)], [9]),
    ],
)
def test_pins_stand_at_their_positions(order: list[int], pins: list[tuple[int, int]], expected: list[int]) -> None:
    assert with_pins(np.array(order, np.int32), pins).tolist() == expected


@given(
    st.lists(st.integers(0, 30), unique=True),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 25)), max_size=8),
)
def test_every_row_occurs_once_and_pins_stand_where_they_should(order: list[int], pins: list[tuple[int, int]]) -> None:
    placed = with_pins(np.array(order, np.int32), pins)
    assert placed.dtype == np.int32
    assert sorted(placed.tolist()) == sorted({*order, *(row for row, _ in pins)})
    unpinned = [row for row in placed.tolist() if row not in dict(pins)]
    assert unpinned == [row for row in order if row not in dict(pins)]  # the others keep their order
    positions = dict(reversed(pins))  # the first pin of a row counts
    if len(set(positions.values())) == len(positions):
        for row, position in positions.items():
            if position <= len(placed) and all(one <= len(placed) for one in positions.values()):
                assert placed[position - 1] == row
