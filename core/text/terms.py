"""Terms of lexical search: what a word of a title and a word of a query have in common.

Joined words come apart (`1-gal` → `1`, `gal`; `t-shirt` → `t`, `shirt`), decimals and fractions stay whole, quantities
have one form (`18v`, `18-volt` → `18`, `volt`), so have sizes by their sides (`2x4`, `2 in. x 4 in.`: no `x`), and the
rest is stemmed by Snowball's English stemmer, so `brackets` finds `bracket`.
"""

import threading
from itertools import pairwise

import regex as re
import Stemmer

from core.text.normalize import normalize
from core.text.units import canonical_units

_PARTS = re.compile(r"\d+(?:[./]\d+)+|\d+(?:\p{L}[\p{L}\p{M}]*)?|[\p{L}\p{M}]+\d[\p{L}\p{N}]*|[\p{L}\p{M}]+\+*")
_SIDES = re.compile(r"""(?<=\d)(['"]|[ -]?(?:in|inch|inches|ft|foot|feet|mm|cm))? ?x ?(?=\d)""")
_GLUED_FRACTION = re.compile(r"(\d+)(\d)/(\d+)")
_RUNS = re.compile(r"\d+|\p{L}+")
_MOST_RUNS, _SHORTEST_RUN = 3, 3  # letters of the word among them: fewer belong to a model number
_DANGLING = frozenset(["an", "and", "at", "by", "for", "from", "of", "or", "the", "to", "with"])
_UNASKED = _DANGLING | {"a", "in", "on"}  # words that join others: a product need not hold them
_local = threading.local()  # a Snowball stemmer must not be shared between threads


def terms(text: str) -> list[str]:
    """The terms of `text` in order, repeats included."""
    return terms_of_normalized(normalize(text))


def terms_of_normalized(text: str) -> list[str]:
    """As `terms`, for text that `normalize` has seen."""
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        stemmer = _local.stemmer = Stemmer.Stemmer("english")
    text = canonical_units(_SIDES.sub(r"\1 ", text))
    stems: list[str] = stemmer.stemWords(_PARTS.findall(text))
    return stems


def asked_terms(text: str) -> list[str]:
    """The terms of a normalised query that a product must hold: all but joining words before others.

    `in` after a number is inches; what joins nothing, as the last word of `vitamin a`, counts.
    """
    found = terms_of_normalized(text)
    last = len(found) - 1
    return [
        term
        for at, term in enumerate(found)
        if term not in _UNASKED or at == last or (term == "in" and at > 0 and found[at - 1][0].isdigit())
    ]


def taken_apart(term: str) -> list[tuple[str, ...]]:
    """How a term that nobody holds may have been meant, the likeliest first: parts that were typed without a space.

    `4mil` → `4`, `mil`; `161/2` → `16`, `1/2`, or 161 by 2. A model number such as `h6` stays whole.
    """
    if found := _GLUED_FRACTION.fullmatch(term):
        whole, numerator, denominator = found.groups()
        return [(whole, f"{numerator}/{denominator}"), (whole + numerator, denominator)]
    parts = tuple(_RUNS.findall(term))
    if 1 < len(parts) <= _MOST_RUNS and any(part.isalpha() and len(part) >= _SHORTEST_RUN for part in parts):
        return [parts]
    return []


def repeats_a_term(typed: str, added: str) -> bool:
    """Whether a word of the normalised `added` was there before, in `typed` or in itself, be it in another form.

    Numbers, units and other short words may come again, but not at once: `4 in x 4 in`, no `500ml ml`.
    """
    before, after = terms_of_normalized(typed), terms_of_normalized(added)
    named = [term for term in after if term.isalpha() and len(term) > 2]
    if len(set(named)) < len(named) or not set(named).isdisjoint(before):
        return True
    return any(first == second and first.isalpha() for first, second in pairwise([*before[-1:], *after]))


def dangles(text: str) -> bool:
    """Whether the normalised `text` ends with a word that joins something to follow: `trimmer for`."""
    return text.rpartition(" ")[2] in _DANGLING
