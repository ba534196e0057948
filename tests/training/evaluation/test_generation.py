"""The counts behind the generation suite, on indexes small enough to count by hand."""

import pytest

from core.domain import Source
from core.retrieval.completion import Completion
from core.retrieval.completions import build_completions
from training.evaluation.generation import grouped_list, index_coverage, is_redundant, weighed_list

TYPED = [Completion("red shoes", 3.0, 0, Source.HISTORY)]
GENERATED = [
    Completion(text, 1.0, 0, Source.QUERY_MODEL) for text in ("red shirt", "red skirt", "red sandals", "red scarf")
]


def test_prefixes_left_with_few_suggestions() -> None:
    """`red`, `red ` and `red s` reach five; `red sh`, `red sho` and `red shoe` do not."""
    before, after = build_completions(TYPED), build_completions([*TYPED, *GENERATED])
    found = index_coverage(before, after, ["red shoes"])
    assert found["prefixes"] == 6
    assert found["fewer than 1, log alone"] == 0
    assert found["fewer than 2, log alone"] == found["fewer than 5, log alone"] == 1
    assert found["fewer than 2, with generation"] == pytest.approx(2 / 6)  # `red sh` has red shirt as well
    assert found["fewer than 5, with generation"] == pytest.approx(3 / 6)
    assert found["fall of fewer than 5"] == pytest.approx(0.5)


def test_a_prefix_that_nothing_completes_counts_as_fewer_than_one() -> None:
    index = build_completions(TYPED)
    assert index_coverage(index, index, ["blue"])["fewer than 1, with generation"] == 1


def test_the_best_of_every_beam_group_comes_first() -> None:
    """After `red `, shoes open one group and hats another; both models take turns, and what was typed is left out."""
    index = build_completions(
        [
            *TYPED,
            Completion("red shoes women", 9.0, 0, Source.QUERY_MODEL),
            Completion("red shoes men", 8.0, 0, Source.QUERY_MODEL),
            Completion("red hat", 1.0, 1, Source.QUERY_MODEL),
            Completion("red shoes kids", 7.0, 0, Source.CATALOG_MODEL),
        ]
    )
    assert weighed_list(index, "red ") == ["red shoes women", "red shoes kids", "red shoes men", "red hat"]
    assert grouped_list(index, "red ") == ["red shoes women", "red hat", "red shoes kids", "red shoes men"]


@pytest.mark.parametrize(
    ("text", "said_twice"),
    [("red shoes shoe", True), ("colour paint color", True), ("red shoes", False), ("1/2 in 1/2", False)],
)
def test_redundant(text: str, said_twice: bool) -> None:
    assert is_redundant(text) is said_twice
