"""One `normalize` for everything that is typed, imported, learnt or searched.

NFKC folds full-width and compatibility forms, case folding makes `STRASSE` and `straße` equal, white space
collapses, and punctuation goes unless it carries meaning in a product: `1/2`, `5.5`, `a4`, `#10`, `c++`, `t-shirt`,
`50%`, `6"`. The function is idempotent (property-tested).
"""

import unicodedata

import regex as re

_FOLDED_QUOTES = str.maketrans(
    {
        "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'",
        "“": '"', "”": '"', "″": '"', "′": "'",
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "⁄": "/", "×": "x", "™": " ", "®": " ", "©": " ",
    }
)  # fmt: skip
_APOSTROPHE_INSIDE = re.compile(r"(?<=\p{L})'(?=\p{L})")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
# What survives: words (\p{M}: vowel signs of Devanagari and the like belong to them), numbers with marks and units.
_KEPT = re.compile(
    r"""
    \#?\d+(?:[./:x-]\d+)*[\p{L}\p{N}\p{M}]*(?:[-/.&][\p{L}\p{N}\p{M}]+)*["'%]?  # 1/2 5.5 #10 6" 50% 18v 2x4 3-way
    | [\p{L}\p{N}\p{M}]+(?:[-/.&'][\p{L}\p{N}\p{M}]+)*\+{0,2}  # t-shirt  a/c  h&m  c++
    """,
    re.VERBOSE,
)


def normalize(text: str) -> str:
    """Canonical form of `text`: lower case words separated by single spaces, no space at the ends.

    The empty string comes back for input without any word (white space, punctuation, emoji).
    """
    folded = unicodedata.normalize("NFKC", text.translate(_FOLDED_QUOTES)).replace("''", '"')
    folded = unicodedata.normalize("NFKC", folded.casefold()).translate(_FOLDED_QUOTES)
    folded = _APOSTROPHE_INSIDE.sub("", folded)
    folded = _THOUSANDS.sub(lambda match: match.group().replace(",", ""), folded)
    return " ".join(match.group() for match in _KEPT.finditer(folded))


def normalize_prefix(text: str) -> str:
    """As `normalize`, keeping one trailing space where the last word was finished with white space.

    `"red sh"` is a half-typed word, `"red shoes "` asks for the word that follows.
    """
    normal = normalize(text)
    return normal + " " if normal and text[-1:].isspace() else normal


def words(text: str) -> list[str]:
    """The words of `text` after `normalize`."""
    return normalize(text).split()
