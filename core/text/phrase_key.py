"""The form in which a shop's values and a query's words are compared: `32"`, `32-inch` and `32 Inch` are `32 in`."""

from collections.abc import Iterator, Sequence

import regex as re

from core.text.normalize import normalize
from core.text.units import canonical_units, unit_named

_PLAIN = re.compile(r"[A-Za-z ]+")
_JOINED = re.compile(r"(?<=\p{L})[-/&.+'](?=[\p{L}\p{N}])|(?<=\p{N})[-&](?=\p{L})|(?<=\p{L})\++$")
_DIGIT = re.compile(r"\p{N}")


def key_of(value: str) -> str:
    """The key of a catalogue's value; empty for a value without words."""
    if value.isascii() and _PLAIN.fullmatch(value):  # what `normalize` would say of most values, in a tenth of the time
        plain = " ".join(value.lower().split())
        return canonical_units(plain) if "x" in plain else plain
    normal = canonical_units(normalize(value))
    return " ".join(_JOINED.sub(" ", word).strip() for word in normal.split()).strip()


def atoms_of(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    """The atoms of normalised words, each with the position of its word: keys are atoms joined by blanks."""
    after_number = False
    for position, word in enumerate(words):
        if word.isalpha():
            unit = unit_named(word) if after_number else None
            after_number = False
            for atom in (unit or word).split():
                yield atom, position
            continue
        if word.isdecimal():
            after_number = True
            yield word, position
            continue
        canonical = canonical_units(word) if "-" in word or _DIGIT.search(word) else word
        for atom in canonical.split():
            for part in _JOINED.sub(" ", atom).split():
                yield part, position
                after_number = _DIGIT.search(part) is not None and not part[-1].isalpha()


def number_forms(word: str) -> frozenset[str]:
    """`word` with what may be its singular and its plural. Not all of them are words; that does no harm in a lookup."""
    forms = {word}
    if len(word) < 3 or not word.isalpha():
        return frozenset(forms)
    if word.endswith("ies"):
        forms.add(f"{word[:-3]}y")
    if word.endswith(("ses", "xes", "ches", "shes")):
        forms.add(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
    elif word.endswith(("s", "x", "ch", "sh")):
        forms.add(f"{word}es")
    elif word.endswith("y") and word[-2] not in "aeiou":
        forms.add(f"{word[:-1]}ies")
    else:
        forms.add(f"{word}s")
    return frozenset(forms)
