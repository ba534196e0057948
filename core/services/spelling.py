"""Spelling of searches: a noisy channel over what products hold (Kernighan, Church & Gale 1990; Mays et al. 1991).

Of a word and its neighbours the best by

    log p(word) + ½ Σ log (p(word | other) / p(word)) − 5 · cost of the edits        other: words beside it

is what was meant. p(word) comes from the words of log and catalogue, p(word | other) from the products that hold both.
A word that no product holds stays where everything near is worth less than that costs. It becomes the best of these
where little of it was edited, the other words speak for that, or much does. Otherwise it stays too, and the shopper is
asked: it may be the name of what the shop has not got. A word that products hold is changed where a neighbour that is
many times as frequent wins all the same: titles are misspelt too. A word that holds a digit is never changed. The
constants are those of training/LOG.md; results hardly depend on them.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from core.retrieval.lexical import LexicalIndex, plain
from core.retrieval.word_context import WordContext
from core.text.english import english_words
from core.text.limit_words import SAID
from core.text.near_words import NearWords
from core.text.terms import terms_of_normalized

_EDIT = 5.0  # nats for a plain edit
_SPLIT, _JOIN = 5.0, 4.0  # nats for a space that was left out, or typed in the middle of a word
_UNKNOWN, _UNKNOWN_ENGLISH = 22.0, 12.0  # nats for a word that no product holds: a typo, or what the shop has not got
_ENGLISH = 4.0  # nats that a known word is likelier to be meant where it is English
_LEAST_TOTAL = 400_000.0  # words that a shop counts as having, so that the nats above mean the same in a small one
_RATIO = 20.0  # times as frequent as a known word is what it is changed to
_EDITS = 3  # that an unknown word may be away at most; a known one 1
_SUGGESTED_RATIO, _SUGGESTED_NATS, _SUGGESTED_FIT = 4.0, 4.0, 2.0  # what a neighbour needs to be asked about, at least
_SURE_SHARE, _LIKELY_SHARE = 0.2, 0.3  # of a word's letters that were edited: no need to ask; none where it is likely
_SURE_FIT, _LIKELY, _SURE = 1.0, 5.0, 8.0  # nats of the words beside it; above the word itself
_CANDIDATES = 12  # neighbours that are weighed in context
_SHORTEST_PART = 3  # letters of a part of what was typed without its space
_WORDS = 12  # the first ones of a query; behind them it is a text, not a search
_REMEMBERED = 20_000  # words whose neighbours are kept


@dataclass(frozen=True, slots=True)
class Spelled:
    """A normalised query as it is searched; `changed`: what was typed with what it became, `suggestion`: a whole query
    that may have been meant instead."""

    text: str
    changed: tuple[tuple[str, str], ...] = ()
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class _Option:
    """What a word may have been; `fit` is what the words beside it say about that, `cost` that of the edits."""

    value: float
    text: str
    fit: float = 0.0
    cost: float = 0.0


class SearchSpeller:
    """Built once per published index. Thread-safe."""

    def __init__(
        self, lexical: LexicalIndex, counts: Mapping[str, float], ordinary: AbstractSet[str] | None = None
    ) -> None:
        """`counts`: words that products hold with how often log and catalogue have them; `ordinary`: words that are no
        typing errors, whether products hold them or not; without it, English ones."""
        self._lexical = lexical
        self._counts = counts
        self._log_total = math.log(max(_LEAST_TOTAL, sum(counts.values())))
        self._most = max(counts.values(), default=0.0)
        self._ordinary = english_words() if ordinary is None else ordinary
        self._near = lru_cache(_REMEMBERED)(NearWords(counts).find)

    def spell(self, text: str, lexical: LexicalIndex | None = None) -> Spelled:
        """The normalised query `text` as it was probably meant. `lexical`: the index now, with live changes."""
        return _Reading(self, lexical or self._lexical, text.split()).spelled()

    def options(self, word: str, index: LexicalIndex, beside: Sequence[str]) -> list[_Option]:
        """What `word` may have been, the best first; itself alone where nothing else comes into question."""
        if _is_left_alone(word):
            return [_Option(0.0, word)]
        known, count = index.knows(word), self._counts.get(word, 0.0)
        if known and (len(word) == 3 or max(count, 0.5) * _SUGGESTED_RATIO > self._most):
            return [_Option(self._log_p(word), word)]
        near = self._near(word, 1 if known else _EDITS)
        if known:
            near = [
                one
                for one in near
                if self._counts[one.text] > max(count, 0.5) * _SUGGESTED_RATIO and self._says_more(word, one.text)
            ]
            if not near:
                return [_Option(self._log_p(word), word)]
        near = sorted(near, key=lambda one: _EDIT * one.cost - self._log_p(one.text))[:_CANDIDATES]
        context = WordContext(index, beside)
        found = []
        for one in near:
            fit = context.fit(terms_of_normalized(one.text))
            found.append(_Option(self._log_p(one.text) + fit - _EDIT * one.cost, one.text, fit, one.cost))
        ordinary = word in self._ordinary
        if known:
            fit = context.fit(terms_of_normalized(word))
            found.append(_Option(self._log_p(word) + fit + (_ENGLISH if ordinary else 0.0), word, fit))
        else:
            found.append(_Option(-(_UNKNOWN_ENGLISH if ordinary else _UNKNOWN), word))
            found += self._splits(word, index, context)
        return sorted(found, key=lambda one: (-one.value, one.text))

    def joined(self, first: str, second: str, index: LexicalIndex, beside: Sequence[str]) -> _Option | None:
        """The best word that both together may have been."""
        word = first + second
        if not word.isalpha():
            return None
        context = WordContext(index, beside)
        near = [(word, 0.0)] if word in self._counts else []
        near += [(one.text, one.cost) for one in self._near(word, _EDITS)[:_CANDIDATES]]
        found = [
            _Option(
                self._log_p(text) + context.fit(terms_of_normalized(text)) - _JOIN - _EDIT * cost,
                text,
            )
            for text, cost in near
        ]
        return max(found, key=lambda one: one.value, default=None)

    def is_far_more_frequent(self, word: str, than: str) -> bool:
        """Whether it is `_RATIO` times as frequent."""
        return self._counts.get(word, 0.0) > _RATIO * max(self._counts.get(than, 0.0), 0.5)

    def _splits(self, word: str, index: LexicalIndex, context: WordContext) -> list[_Option]:
        """`word` as two known words that some products hold together."""
        found = []
        for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            parts = (word[:cut], word[cut:])
            if all(part in self._counts for part in parts):
                terms = [term for part in parts for term in terms_of_normalized(part)]
                both = len(index.matching_all(plain(terms)))
                if both > 1:
                    fit = context.fit(terms)
                    found.append(_Option(math.log(both / index.size) - _SPLIT + fit, " ".join(parts), fit))
        return found

    def _says_more(self, word: str, near: str) -> bool:
        """Whether `near` finds other products than `word`, or is the right spelling of what is no word at all."""
        if terms_of_normalized(word) != terms_of_normalized(near):
            return True
        return word not in self._counts and word not in self._ordinary and not near.startswith(word[:-1])

    def _log_p(self, word: str) -> float:
        return math.log(self._counts.get(word, 0.0) + 0.5) - self._log_total


def _is_left_alone(word: str) -> bool:
    """Whether `word` is too short to be mended, holds a digit, or belongs to how limits are stated: `less than`."""
    return len(word) <= 2 or not word.isalpha() or word in SAID


def _is_sure(word: str, chosen: _Option, options: Sequence[_Option]) -> bool:
    """Whether an unknown word need not be asked about: few edits for its length, the words beside it, or both."""
    gained = chosen.value - next(one.value for one in options if one.text == word)
    share = chosen.cost / len(word)
    return share <= _SURE_SHARE or chosen.fit >= _SURE_FIT or gained >= (_LIKELY if share <= _LIKELY_SHARE else _SURE)


class _Reading:
    """One query while it is read, word by word: what was settled helps to settle what follows."""

    def __init__(self, speller: SearchSpeller, index: LexicalIndex, words: list[str]) -> None:
        self._speller, self._index = speller, index
        self._words, self._typed = words, frozenset(words)
        self._sure = [_is_left_alone(word) or index.knows(word) for word in words]
        self._changed: list[tuple[str, str]] = []
        self._suggested: dict[int, str] = {}

    def spelled(self) -> Spelled:
        at = 0
        while at < min(len(self._words), _WORDS):
            at += self._settle(at)
        meant = [self._suggested.get(at, word) for at, word in enumerate(self._words)]
        return Spelled(
            " ".join(word for word in self._words if word),
            tuple(self._changed),
            " ".join(word for word in meant if word) if self._suggested else None,
        )

    def _settle(self, at: int) -> int:
        """Settles the word there, or it and the next as one; returns how many."""
        word = self._words[at]
        options = self._speller.options(word, self._index, self._beside(at))
        options = [one for one in options if one.text == word or one.text not in self._typed]  # nobody says it twice
        if at + 1 < len(self._words) and not (self._sure[at] and self._sure[at + 1]) and self._join(at, options[0]):
            return 2
        chosen = options[0]
        if self._sure[at] and chosen.text != word and not self._speller.is_far_more_frequent(chosen.text, word):
            chosen = next(one for one in options if one.text == word)
        if chosen.text != word and not self._sure[at] and not _is_sure(word, chosen, options):
            self._suggested[at] = chosen.text
        elif chosen.text != word:
            self._replace(at, word, chosen.text)
        elif self._sure[at]:
            for other in options:
                if other.value > chosen.value - _SUGGESTED_NATS and other.fit > chosen.fit + _SUGGESTED_FIT:
                    self._suggested[at] = other.text
                    break
        return 1

    def _join(self, at: int, alone: _Option) -> bool:
        """Whether the word there and the next were one, which then takes their place."""
        first, second = self._words[at : at + 2]
        one = self._speller.joined(first, second, self._index, self._beside(at, at + 1))
        if one is None or one.value < -_UNKNOWN:
            return False
        following = self._speller.options(second, self._index, self._beside(at + 1))[0]
        if one.value <= alone.value + following.value:
            return False
        self._replace(at, f"{first} {second}", one.text)
        self._words[at + 1] = ""
        self._sure[at + 1] = True
        return True

    def _replace(self, at: int, typed: str, meant: str) -> None:
        self._words[at], self._sure[at] = meant, True
        self._changed.append((typed, meant))

    def _beside(self, *places: int) -> list[str]:
        """The words that are settled, without those at `places`."""
        return [word for at, word in enumerate(self._words) if word and self._sure[at] and at not in places]
