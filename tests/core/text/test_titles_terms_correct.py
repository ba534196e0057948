"""Segments and phrases of titles, terms of search, corrections."""

import pytest

from core.text.correct import Corrector
from core.text.terms import asked_terms, dangles, repeats_a_term, taken_apart, terms
from core.text.titles import phrases, title_segments


def test_segments_of_a_title() -> None:
    title = "LG 1.5 Ton 5 Star AC (Copper, 2023 Model) | White - Split, Wi-Fi"
    assert title_segments(title) == [
        ("lg", "1.5", "ton", "5", "star", "ac"), ("white",), ("split",), ("wi-fi",),
    ]  # fmt: skip


def test_a_title_that_is_all_parenthesis_keeps_its_words() -> None:
    assert title_segments("(Pack of 2)") == [("pack", "of", "2")]
    assert title_segments("!!!") == []


def test_the_last_word_of_a_shortened_title_is_left_out() -> None:
    assert title_segments("Leather Bag for Wome...") == [("leather", "bag", "for")]
    assert title_segments("Leather… Bag, Wom…", segments=False) == [("leather", "bag")]
    assert title_segments("Wome...") == [("wome",)]


def test_phrases_that_titles_share() -> None:
    titles = [
        title_segments(title)
        for title in ("Simpson Strong-Tie Angle", "Simpson Strong-Tie Nails", "Oak Angle for Wood")
    ]
    found = phrases(titles, min_titles=2)
    assert found == {("angle",): 2, ("simpson", "strong-tie"): 2}  # neither "simpson" nor "strong-tie" alone


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Angle Brackets", ["angl", "bracket"]),
        ("1-gal. T-Shirts", ["1", "gal", "t", "shirt"]),
        ("1/2 in. 5.5 18V c++ a4", ["1/2", "in", "5.5", "18", "volt", "c++", "a4"]),
        ("18-volt 5 Gallon 12-inch", ["18", "volt", "5", "gal", "12", "in"]),
        ("2x4 · 2 in. x 4 in. · 6\" x 3'", ["2", "4", "2", "in", "4", "in", "6", "in", "3", "ft"]),
        ("3/4x2 xbox x-large", ["3/4", "2", "xbox", "xl"]),
        ("", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("towel with the hooks", ["towel", "hook"]),
        ("pipe 18 in long", ["pipe", "18", "in", "long"]),  # inches
        ("dress in red", ["dress", "red"]),
        ("vitamin a", ["vitamin", "a"]),  # joins nothing
        ("the", ["the"]),
        ("", []),
    ],
)
def test_joining_words_are_not_asked_for(text: str, expected: list[str]) -> None:
    assert asked_terms(text) == expected


@pytest.mark.parametrize(
    "typed, added, expected",
    [
        ("mens shoes", "shoe", True),
        ("", "washing machine wash", True),
        ("4 in x 4", "in post", False),
        ("door door", "handle", False),
        ("red", "running shoes", False),
        ("led tv", "tv", True),
        ("bottle 500ml", "ml", True),
        ("", "2 kg kg", True),
        ("2 x 2", "2 x 2", False),
    ],
)
def test_repeats(typed: str, added: str, expected: bool) -> None:
    assert repeats_a_term(typed, added) == expected


@pytest.mark.parametrize(
    "term, expected",
    [
        ("4mil", [("4", "mil")]),
        ("161/2", [("16", "1/2"), ("161", "2")]),
        ("25x14steel", []),  # more runs than words typed together have
        ("h6", []),
        ("1/2", []),
        ("80/7", [("8", "0/7"), ("80", "7")]),
        ("steel", []),
        ("", []),
    ],
)
def test_terms_that_were_typed_together(term: str, expected: list[tuple[str, ...]]) -> None:
    assert taken_apart(term) == expected


def test_dangling_ends() -> None:
    assert dangles("trimmer for") and not dangles("vitamin a") and not dangles("for trimmers") and not dangles("")


@pytest.fixture
def corrector() -> Corrector:
    return Corrector({"drill": 9.0, "drills": 2.0, "dresser": 5.0, "lamp": 7.0, "a4": 3.0, "microwave": 4.0})


@pytest.mark.parametrize(
    "typed, expected",
    [("dirll", "drill"), ("dril", "drill"), ("rdill", "drill"), ("mircowaev", "microwave"), ("lmap", "lamp")],
)
def test_words_are_corrected(corrector: Corrector, typed: str, expected: str) -> None:
    assert corrector.words(typed)[0].text == expected


def test_what_is_far_short_or_numbered_is_left_alone(corrector: Corrector) -> None:
    assert corrector.words("banana") == []
    assert corrector.words("lp") == []
    assert corrector.words("a5") == []


def test_half_typed_words_are_corrected_to_beginnings(corrector: Corrector) -> None:
    assert corrector.beginnings("dirl")[0].text.startswith("dri")
    assert corrector.beginnings("mcirow")[0].text == "microw"
    assert corrector.beginnings("xyz") == []


def test_nearer_comes_before_more_frequent() -> None:
    corrector = Corrector({"shoes": 1.0, "shirts": 100.0})
    assert [correction.text for correction in corrector.words("shoess")] == ["shoes"]
