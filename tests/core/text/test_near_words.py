"""Known words near a typed one."""

import random
from string import ascii_lowercase

import pytest
from rapidfuzz.distance import OSA

from core.text.near_words import NearWords, allowed_edits, edit_cost

WORDS = ["drill", "drills", "dresser", "grill", "faucet", "vacuum", "microwave", "a4", "table"]


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("dirll", "drill"), ("dril", "drill"), ("rdill", "drill"), ("tabel", "table"), ("fuacet", "faucet"),
        ("vaccum", "vacuum"), ("mircowaev", "microwave"),
    ],
)  # fmt: skip
def test_the_nearest_is_found(typed: str, meant: str) -> None:
    assert NearWords(WORDS).find(typed)[0].text == meant


@pytest.mark.parametrize("typed", ["banana", "lp", "a5", "drill5", "", "drill" * 100])
def test_what_is_far_short_or_numbered_has_none(typed: str) -> None:
    assert NearWords(WORDS).find(typed) == []


def test_no_words_have_no_neighbours() -> None:
    assert NearWords([]).find("drill") == []


def test_signatures_rule_out_nothing_that_is_near() -> None:
    """Against optimal string alignment with every word, on a thousand random pairs of few letters."""
    generator = random.Random(0)
    words = sorted({"".join(generator.choices(ascii_lowercase[:5], k=generator.randint(3, 10))) for _ in range(1000)})
    near = NearWords(words)
    for typed in generator.sample(words, 50):
        distances = {word: OSA.distance(typed, word) for word in words if word != typed}
        within = min(allowed_edits(typed), min(distances.values()) + 1)
        assert {one.text for one in near.find(typed)} == {word for word, edits in distances.items() if edits <= within}


@pytest.mark.parametrize(
    "cheap, dear",
    [
        (("dril", "drill"), ("dill", "drill")),  # doubled
        (("drlil", "drill"), ("drpal", "drill")),  # swapped
        (("driol", "dripl"), ("drizl", "dripl")),  # neighbouring keys
        (("kabinet", "cabinet"), ("pabinet", "cabinet")),  # sounds
        (("drilz", "drill"), ("zrill", "drill")),  # first letters are seldom wrong
    ],
)
def test_likely_slips_cost_less(cheap: tuple[str, str], dear: tuple[str, str]) -> None:
    assert 0 < edit_cost(*cheap) < edit_cost(*dear)


def test_equal_words_cost_nothing() -> None:
    assert edit_cost("drill", "drill") == 0
