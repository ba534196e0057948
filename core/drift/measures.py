"""What is measured of traffic, and in which bins. One definition for the reference and for what is live."""

import math
from collections.abc import Mapping

FIRST_LETTERS, CATEGORY, WORDS = "first_letters", "category", "words"
SCORE, SOURCE, LINES, PRODUCTS = "score", "source", "lines", "products"
LIKELIHOOD, CALIBRATION = "likelihood", "calibration"

PREFIX_LENGTH = 3  # characters after which a list is looked at: most are shown by then, few are chosen
TOP_CATEGORIES = 100  # bins: what a season moves is small in another one, and hidden where it shares a bin
_SCORE_BINS = 10
_MOST_WORDS = 6
_MOST_PRODUCTS = 12  # 2¹² and more

SCORE_LABELS = tuple(f"{at / _SCORE_BINS:.1f}" for at in range(_SCORE_BINS))
LINES_LABELS = ("0", "1", "2-4", "5+")  # shops ask for five to twenty lines, which must not look like drift
PRODUCTS_LABELS = ("none", "unknown", *(f"{2**at}" for at in range(_MOST_PRODUCTS + 1)))
WORDS_LABELS = tuple(str(count) for count in range(1, _MOST_WORDS + 1))

MEANING: Mapping[str, str] = {
    FIRST_LETTERS: "first two letters of completed queries",
    CATEGORY: "likeliest pseudo-category of completed queries",
    WORDS: "number of words of completed queries",
    SCORE: "score of the first line after three characters",
    SOURCE: "source of the first line after three characters",
    LINES: "number of lines after three characters",
    PRODUCTS: "products that the first line after three characters finds",
    LIKELIHOOD: "log likelihood per word of completed queries that no model has learnt",
    CALIBRATION: "scores of the lines of a list against which of them was chosen",
}


def first_letters(text: str) -> str:
    """Of a normalised query."""
    return text[:2]


def words_bin(text: str) -> str:
    """Of a normalised query: `1` to `6`, the last one for more."""
    return str(min(_MOST_WORDS, max(1, len(text.split()))))


def score_bin(score: float) -> str:
    """Ten bins of equal width over [0, 1], named by their lower edge."""
    return SCORE_LABELS[min(_SCORE_BINS - 1, max(0, int(score * _SCORE_BINS)))]


def lines_bin(count: int) -> str:
    """None, one, a few, a usual list."""
    if count >= 5:
        return LINES_LABELS[3]
    return LINES_LABELS[2] if count >= 2 else str(count)


def products_bin(count: int | None) -> str:
    """Powers of two, named by their lower edge; `unknown` without a catalogue."""
    if count is None:
        return "unknown"
    return "none" if count <= 0 else f"{2 ** min(_MOST_PRODUCTS, int(math.log2(count)))}"
