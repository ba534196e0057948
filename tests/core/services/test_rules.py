"""Blocks and pins."""

import pytest

from core.services.rules import Pin, SuggestionRules

RULES = SuggestionRules.of(
    exact=["red shoes"],
    containing=["knife set", "toy"],
    pins=[
        Pin("gaming laptop", "ga", 2),
        Pin("garden hose", "ga", 1),
        Pin("notebook", "laptop"),
        Pin("winter sale jacket"),
        Pin("toy car", "ga"),
    ],
)


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("red shoes", True),
        ("red shoes 42", False),
        ("shoes", False),
        ("knife set", True),
        ("set of a small knife", True),
        ("knife", False),
        ("toy", True),
        ("a toy", True),
        ("toyota", False),
        ("", False),
    ],
)
def test_blocks(text: str, blocked: bool) -> None:
    assert RULES.blocks(text) is blocked


@pytest.mark.parametrize(
    ("prefix", "pinned"),
    [
        ("g", ()),
        ("ga", ("garden hose", "gaming laptop")),
        ("ga ", ("garden hose", "gaming laptop")),  # exactly the prefix: shown whatever the text is
        ("gam", ("gaming laptop",)),
        ("gaming ", ("gaming laptop",)),
        ("gaming l", ("gaming laptop",)),
        ("gaming laptop", ("gaming laptop",)),
        ("gaming laptops", ()),
        ("garage", ()),
        ("garden gaming", ()),
        ("laptop", ("notebook",)),
        ("laptop ", ("notebook",)),
        ("laptop b", ()),
        ("w", ("winter sale jacket",)),
        ("jacket winter", ("winter sale jacket",)),
        ("jacket win", ("winter sale jacket",)),
        ("jacket win ", ()),
        ("inter", ()),
        ("", ()),
        (" ", ()),
    ],
)
def test_pins(prefix: str, pinned: tuple[str, ...]) -> None:
    assert RULES.pins(prefix) == pinned


def test_a_pin_of_two_prefixes_is_shown_once() -> None:
    rules = SuggestionRules.of(pins=[Pin("gaming laptop", "g", 2), Pin("gaming laptop", "ga", 1), Pin("game", "g", 1)])
    assert rules.pins("ga") == ("game", "gaming laptop")


def test_no_rules_do_nothing() -> None:
    assert not SuggestionRules().blocks("red shoes")
    assert SuggestionRules().pins("red") == ()
