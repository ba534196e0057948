"""Beginnings one edit away, against comparing with every beginning."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from core.domain import Source
from core.errors import ArtifactError
from core.retrieval.completion import Completion
from core.retrieval.completion_build import build_index
from core.retrieval.fuzzy import FuzzyPrefixes, NearPrefix
from core.retrieval.fuzzy_build import build_fuzzy, load_fuzzy, save_fuzzy

LETTERS = "abst é🙂"

texts = st.lists(st.text(alphabet=LETTERS, min_size=1, max_size=8), min_size=1, max_size=20, unique=True)


def fuzzy_of(listed: list[str], weights: dict[str, float] | None = None) -> FuzzyPrefixes:
    entries = [Completion(text, (weights or {}).get(text, 1.0), 0, Source.HISTORY) for text in listed]
    return build_fuzzy(build_index(entries, Source.HISTORY))


def beginnings(listed: list[str]) -> set[str]:
    return {text[:length] for text in listed for length in range(1, len(text) + 1)}


@settings(deadline=None)
@given(texts, st.text(alphabet=LETTERS + "z", max_size=8))
def test_equals_comparing_with_all(listed: list[str], typed: str) -> None:
    found = fuzzy_of(listed).near(typed, limit=1_000)
    expected = {
        known for known in beginnings(listed) if OSA.distance(known, typed) == 1 and not known.startswith(typed)
    }
    assert {near.text for near in found} == (expected if typed else set())
    assert len(found) == len({near.text for near in found})
    for near in found:
        assert near.weight == sum(text.startswith(near.text) for text in listed)


@settings(deadline=None)
@given(st.text(alphabet="ab ", min_size=26, max_size=40), st.data())
def test_long_ones(text: str, data: st.DataObject) -> None:
    """An edit in the first 32 characters is found, however long the rest."""
    place = data.draw(st.integers(0, min(len(text) - 2, 30)))
    edited = [
        text[:place] + "z" + text[place + 1 :],
        text[:place] + "z" + text[place:],
        text[:place] + text[place + 1] + text[place] + text[place + 2 :],
        text[:place] + text[place + 1 :],
    ]
    fuzzy = fuzzy_of([text, "z"])
    for typed in edited:
        assert all(OSA.distance(near.text, typed) == 1 for near in fuzzy.near(typed))
        if typed != text and not text.startswith(typed):
            assert text in {near.text for near in fuzzy.near(typed)}


@pytest.mark.parametrize(
    ("typed", "edit"),
    [
        ("adidsa shoes", "transposition"),
        ("adidss shoes", "substitution"),
        ("addias shoes", "transposition"),
        ("adids shoes", "insertion"),
        ("adiddas shoes", "deletion"),
        ("didas shoes", "insertion"),
        ("sdidas shoes", "substitution"),
        ("adidasshoes", "space"),
        ("adid as shoes", "space"),
    ],
)
def test_kinds_of_edits(typed: str, edit: str) -> None:
    near = fuzzy_of(["adidas shoes", "nike shoes"]).near(typed)
    assert [(found.text, found.edit) for found in near if found.text == "adidas shoes"] == [("adidas shoes", edit)]


def cost(typed: str, meant: str) -> float:
    found: list[NearPrefix] = fuzzy_of([meant, "abcdefghijklmnopqrstuvwxyz "]).near(typed, 100)
    return next(near.cost for near in found if near.text == meant)


def test_what_fingers_do_costs_less() -> None:
    assert cost("shpes", "shoes") < cost("shxes", "shoes")  # the key beside it
    assert cost("shooes", "shoes") < cost("shoxes", "shoes")  # a letter twice
    assert cost("botle", "bottle") < cost("bttle", "bottle")
    assert cost("sheos", "shoes") < cost("shxes", "shoes")
    assert cost("redshoes", "red shoes") < cost("rdshoes", "redshoes")
    assert cost("dhoes", "shoes") > cost("shors", "shoes")  # the first letter


def test_the_heavier_first() -> None:
    near = fuzzy_of(["shirt", "shift"], {"shirt": 50.0, "shift": 1.0}).near("shiqt")
    assert [found.text for found in near] == ["shirt", "shift"]


def test_stored_and_mapped(tmp_path: Path) -> None:
    index = build_index([Completion("red shoes", 1.0, 0, Source.HISTORY)], Source.HISTORY)
    fuzzy = build_fuzzy(index)
    with pytest.raises(ArtifactError, match="retrain"):
        load_fuzzy(tmp_path / "fuzzy", index)
    save_fuzzy(fuzzy, tmp_path / "fuzzy")
    assert load_fuzzy(tmp_path / "fuzzy", index).near("red shies") == fuzzy.near("red shies") != []
    empty = build_fuzzy(build_index([], Source.HISTORY))
    assert empty.near("red") == []
