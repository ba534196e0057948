"""What may have been meant instead of what was typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from core.services.typed import Typed
from core.text.correct import Corrector
from core.text.vocabulary import prefix_range

_READINGS = 3
_WORDS_READ = 8  # the last ones; the models read no more either
_DROPPED = 2  # edits that leaving out a word, or the end of one, counts for


@dataclass(frozen=True)
class KnownWords:
    """Words that count as spelt right, with how often they occur."""

    counts: Mapping[str, float]

    def __contains__(self, word: str) -> bool:
        return word in self.counts

    def any_begins_with(self, half: str) -> bool:
        low, high = prefix_range(self._sorted, half)
        return low < high

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.counts)


@dataclass(frozen=True, slots=True)
class Reading:
    """Another reading of what was typed; `dropped`: some of it fits nothing and was left out."""

    typed: Typed
    edits: int
    dropped: bool


def readings(typed: Typed, known: KnownWords, corrector: Corrector) -> list[Reading]:
    """At most three other readings of `typed`, the nearest first; none where every word is known.

    A word that is not known becomes its nearest known ones, a beginning that no known word has the nearest word or
    beginnings. Where nothing is near, the end that fits no word is left out, then the word. After each word only the
    nearest readings so far are carried on: the work is linear in what was typed.
    """
    best = [_Partial(typed.words[:-_WORDS_READ])]
    for word in typed.words[-_WORDS_READ:]:
        best = _extended(best, _word_choices(word, known, corrector))
    best = _extended(best, _half_choices(typed.half, known, corrector))
    found = []
    for partial in best:
        *words, half = partial.texts
        reading = Typed.of(tuple(word for word in words if word), half)
        if partial.edits and reading.text.strip():
            found.append(Reading(reading, partial.edits, partial.dropped))
    return found[:_READINGS]


@dataclass(frozen=True, slots=True)
class _Choice:
    text: str
    edits: int = 0
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class _Partial:
    """The words chosen so far."""

    texts: tuple[str, ...] = ()
    edits: int = 0
    dropped: bool = False


def _extended(partials: list[_Partial], choices: list[_Choice]) -> list[_Partial]:
    longer = [
        _Partial((*partial.texts, choice.text), partial.edits + choice.edits, partial.dropped or choice.dropped)
        for partial in partials
        for choice in choices
    ]
    return sorted(longer, key=lambda partial: (partial.dropped, partial.edits))[: _READINGS + 1]


def _word_choices(word: str, known: KnownWords, corrector: Corrector) -> list[_Choice]:
    if word in known:
        return [_Choice(word)]
    near = [_Choice(correction.text, correction.edits) for correction in corrector.words(word, 2)]
    return near or [_Choice("", _DROPPED, dropped=True)]


def _half_choices(half: str, known: KnownWords, corrector: Corrector) -> list[_Choice]:
    if not half or known.any_begins_with(half):
        return [_Choice(half)]
    near = [_Choice(correction.text, correction.edits) for correction in corrector.words(half, 1)]
    near += [
        _Choice(correction.text, correction.edits)
        for correction in corrector.beginnings(half)
        if all(not choice.text.startswith(correction.text) for choice in near)
    ]
    if near:
        return near
    for length in range(len(half) - 1, 0, -1):
        if known.any_begins_with(half[:length]):
            return [_Choice(half[:length], _DROPPED + len(half) - length, dropped=True)]
    return [_Choice("", _DROPPED + len(half), dropped=True)]
