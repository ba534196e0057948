"""What was typed, in words, and what may have been meant instead."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

from core.text.correct import Corrector
from core.text.vocabulary import Vocabulary

_FORMS = 3
_DROPPED = 2  # edits that leaving out a word, or the end of one, counts for


@dataclass(frozen=True, slots=True)
class Typed:
    """A normalised prefix: complete `words` and the `half`-typed one (empty after a space)."""

    text: str
    words: tuple[str, ...]
    half: str

    @classmethod
    def parse(cls, prefix: str) -> "Typed | None":
        """From `normalize_prefix`; None for a prefix without words."""
        if not prefix:
            return None
        if prefix.endswith(" "):
            return cls(prefix, tuple(prefix.split()), "")
        *words, half = prefix.split(" ")
        return cls(prefix, tuple(words), half)

    @classmethod
    def of(cls, words: tuple[str, ...], half: str) -> "Typed":
        return cls(" ".join((*words, half)), words, half)


def corrected_forms(typed: Typed, vocabulary: Vocabulary, corrector: Corrector) -> list[tuple[Typed, int]]:
    """At most three other readings of `typed` with their edits, fewest first; none where every word is known.

    An unknown word becomes its nearest known ones, an unknown beginning its nearest known beginnings. Where nothing is
    near, the end that fits no word is left out, then the word.
    """
    choices: list[list[tuple[str, int]]] = []
    for word in typed.words:
        if word in vocabulary:
            choices.append([(word, 0)])
            continue
        near = [(correction.text, correction.edits) for correction in corrector.words(word, 2)]
        choices.append(near or [("", _DROPPED)])
    half_choices = _half_choices(typed.half, vocabulary, corrector)
    forms = []
    for *words, (half, half_edits) in product(*choices, half_choices):
        kept = tuple(word for word, _ in words if word)
        edits = sum(count for _, count in words) + half_edits
        if edits and (kept or half):
            forms.append((Typed.of(kept, half), edits))
    return list(islice(_distinct(sorted(forms, key=lambda form: form[1])), _FORMS))


def _half_choices(half: str, vocabulary: Vocabulary, corrector: Corrector) -> list[tuple[str, int]]:
    if not half or _begins_a_word(half, vocabulary):
        return [(half, 0)]
    near = [(correction.text, correction.edits) for correction in corrector.beginnings(half)]
    if near:
        return near
    for length in range(len(half) - 1, 0, -1):
        if _begins_a_word(half[:length], vocabulary):
            return [(half[:length], _DROPPED + len(half) - length)]
    return [("", _DROPPED + len(half))]


def _begins_a_word(half: str, vocabulary: Vocabulary) -> bool:
    low, high = vocabulary.prefix_range(half)
    rare_low, rare_high = vocabulary.rare_prefix_range(half)
    return low < high or rare_low < rare_high


def _distinct(forms: list[tuple[Typed, int]]) -> Iterator[tuple[Typed, int]]:
    seen = set()
    for form, edits in forms:
        if form.text not in seen:
            seen.add(form.text)
            yield form, edits
