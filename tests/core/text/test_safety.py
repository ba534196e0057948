"""The safety list: what is withheld, what is let pass, and files that are none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputFileError
from core.services.rules import Pin, SuggestionRules
from core.text.normalize import normalize
from core.text.safety import BUILT_IN, SafetyList, read_safety_list

WORDS = st.text("abc ", min_size=1, max_size=12)


def test_a_phrase_withholds_texts_that_hold_it_side_by_side() -> None:
    safety = SafetyList.of(["Nude", "  # a comment", "", "escort service", "!nude lipstick", "!escort"])
    assert safety.reason("nude pictures") == "nude"
    assert safety.reason("pictures nude") == "nude"
    assert safety.reason("nudefarben") is None
    assert safety.reason("matte nude lipstick") is None
    assert safety.reason("escort service berlin") is None  # allowed outdoes withheld
    assert SafetyList.of(["escort service"]).reason("service escort") is None
    assert SafetyList().reason("anything") is None


@given(st.lists(WORDS, max_size=5), st.lists(WORDS, max_size=3), WORDS)
def test_it_is_what_looking_for_each_phrase_gives(withheld: list[str], allowed: list[str], text: str) -> None:
    text = normalize(text)
    safety = SafetyList.of([*withheld, *(f"!{one}" for one in allowed)])

    def stands(phrases: list[str]) -> bool:
        return any(f" {one} " in f" {text} " for phrase in phrases if (one := normalize(phrase)))

    assert (safety.reason(text) is not None) == (stands(withheld) and not stands(allowed))


def test_the_list_that_comes_along_is_whole() -> None:
    safety = read_safety_list(None)
    lines = [line for line in BUILT_IN.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == [normalize(line) for line in lines]
    assert all(safety.reason(f"cheap {line} online") for line in lines)
    for goods in ("nude lipstick", "red running shoes", "killer whale toy", "rapeseed oil", "bath bomb", "id holder"):
        assert safety.reason(goods) is None, goods


def test_a_block_by_the_list_outdoes_a_pin() -> None:
    rules = SuggestionRules.of(pins=[Pin("bad thing", "b")], safety=SafetyList.of(["bad thing"]))
    assert rules.blocks("a bad thing")
    assert rules.pins("b") == ()


def test_a_file_that_is_no_list_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "safety.txt"
    for content in (b"\xff\xfe\x00", b"a\n" * 100_001):
        file.write_bytes(content)
        with pytest.raises(InputFileError):
            read_safety_list(file)
    with pytest.raises(InputFileError):
        read_safety_list(tmp_path)
    file.write_text("\N{ZERO WIDTH NO-BREAK SPACE}Größe XL\n!porn", encoding="utf-8")
    safety = read_safety_list(file)
    assert safety.reason(normalize("größe xl")) is not None and safety.reason("porn") is None
