"""What was typed, in words, and what may have been meant instead."""

from collections.abc import Container
from dataclasses import dataclass
from itertools import product

from core.text.correct import Corrector
from core.text.vocabulary import Vocabulary

_READINGS = 3
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


@dataclass(frozen=True, slots=True)
class Reading:
    """Another reading of what was typed; `dropped`: some of it fits nothing and was left out."""

    typed: Typed
    edits: int
    dropped: bool


@dataclass(frozen=True, slots=True)
class _Choice:
    text: str
    edits: int = 0
    dropped: bool = False


def readings(typed: Typed, known: Container[str], vocabulary: Vocabulary, corrector: Corrector) -> list[Reading]:
    """At most three other readings of `typed`, the nearest first; none where every word is known.

    A word outside `known` becomes its nearest known ones, a beginning that no word has its nearest known beginnings.
    Where nothing is near, the end that fits no word is left out, then the word.
    """
    choices: list[list[_Choice]] = []
    for word in typed.words:
        if word in known:
            choices.append([_Choice(word)])
            continue
        near = [_Choice(correction.text, correction.edits) for correction in corrector.words(word, 2)]
        choices.append(near or [_Choice("", _DROPPED, dropped=True)])
    choices.append(_half_choices(typed.half, vocabulary, corrector))
    found: dict[str, Reading] = {}
    for combination in product(*choices):
        *words, half = combination
        kept = Typed.of(tuple(choice.text for choice in words if choice.text), half.text)
        edits = sum(choice.edits for choice in combination)
        if edits and kept.text.strip():
            reading = Reading(kept, edits, any(choice.dropped for choice in combination))
            if kept.text not in found or edits < found[kept.text].edits:
                found[kept.text] = reading
    return sorted(found.values(), key=lambda reading: (reading.dropped, reading.edits))[:_READINGS]


def _half_choices(half: str, vocabulary: Vocabulary, corrector: Corrector) -> list[_Choice]:
    if not half or _begins_a_word(half, vocabulary):
        return [_Choice(half)]
    near = [_Choice(correction.text, correction.edits) for correction in corrector.beginnings(half)]
    if near:
        return near
    for length in range(len(half) - 1, 0, -1):
        if _begins_a_word(half[:length], vocabulary):
            return [_Choice(half[:length], _DROPPED + len(half) - length, dropped=True)]
    return [_Choice("", _DROPPED + len(half), dropped=True)]


def _begins_a_word(half: str, vocabulary: Vocabulary) -> bool:
    low, high = vocabulary.prefix_range(half)
    rare_low, rare_high = vocabulary.rare_prefix_range(half)
    return low < high or rare_low < rare_high
