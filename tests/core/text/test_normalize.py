"""One canonical form, whatever was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.normalize import normalize, normalize_prefix, words


@pytest.mark.parametrize(
    "raw, expected",
    [
        ("  Red   SHOES ", "red shoes"),
        ("1/2 in. PVC", "1/2 in pvc"),
        ('5.5" A4 #10 C++', '5.5" a4 #10 c++'),
        ("T-Shirt Men’s", "t-shirt mens"),
        ("₹32,999 TV", "32999 tv"),
        ("1-gal. #SC-141", "1-gal sc-141"),
        ("2x4 18V 50%", "2x4 18v 50%"),
        ("½ inch", "1/2 inch"),
        ("ﬁre ＴＶ", "fire tv"),
        ("STRASSE straße", "strasse strasse"),
        ("AC/DC & H&M", "ac/dc h&m"),
        ("साड़ी लाल", "साड़ी लाल"),
        ("שלום עולם", "שלום עולם"),
        ("😀😀", ""),
        ("  \t\n", ""),
        ("-- !! ()", ""),
        ("a_b", "a b"),
    ],
)
def test_examples(raw: str, expected: str) -> None:
    assert normalize(raw) == expected


@given(st.text())
def test_idempotent(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(st.text())
def test_single_spaces_and_none_at_the_ends(text: str) -> None:
    normal = normalize(text)
    assert normal == " ".join(normal.split())
    assert words(text) == normal.split()


@given(
    st.text(alphabet=st.characters(min_codepoint=97, max_codepoint=122), min_size=1), st.sampled_from([" ", "\t", "  "])
)
def test_a_finished_word_keeps_one_space(word: str, space: str) -> None:
    assert normalize_prefix(word + space) == word + " "
    assert normalize_prefix(word) == word


def test_ten_kilobytes_take_no_time() -> None:
    assert len(normalize("a-" * 5_000)) <= 10_000
