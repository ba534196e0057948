"""The word vocabulary of both language models.

Words are sorted by code point, so that all words with a given prefix are one contiguous range of ids: a half-typed word
restricts the softmax to a slice. Layout of token ids, for V words and K categories:

    0 … V−1            words, sorted
    V                  the rare token: every word seen less than `min_count` times
    V+1 … V+K          end of query, one token per category (a global one ends queries too early; paper §4.2)
    V+1+K … V+2K       begin of query, one per category; input only

Rare words are kept beside, sorted too: the model gives their total probability, their counts share it out, and so a
half-typed word can still be completed to one of them.
"""

import itertools
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Vocabulary:
    """`words` and `rare_words` are sorted, distinct and disjoint; each has its counts beside it."""

    words: tuple[str, ...]
    counts: tuple[float, ...]
    categories: int
    rare_words: tuple[str, ...] = ()
    rare_counts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.words) != len(self.counts) or len(self.rare_words) != len(self.rare_counts):
            raise ValueError("each vocabulary word needs its count")
        for listed in (self.words, self.rare_words):
            if any(left >= right for left, right in itertools.pairwise(listed)):
                raise ValueError("vocabulary words must be sorted and distinct")

    def as_dict(self) -> dict[str, object]:
        return {
            "words": self.words, "counts": self.counts, "categories": self.categories,
            "rare_words": self.rare_words, "rare_counts": self.rare_counts,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Vocabulary":
        """The inverse of `as_dict`; KeyError for a missing part, ValueError for an inconsistent one."""
        return cls(
            tuple(raw["words"]), tuple(raw["counts"]), int(raw["categories"]),
            tuple(raw["rare_words"]), tuple(raw["rare_counts"]),
        )  # fmt: skip

    @property
    def rare_id(self) -> int:
        return len(self.words)

    def eos_id(self, category: int) -> int:
        return len(self.words) + 1 + category

    def bos_id(self, category: int) -> int:
        return len(self.words) + 1 + self.categories + category

    @property
    def output_size(self) -> int:
        """Tokens that can be predicted: words, rare, one end per category."""
        return len(self.words) + 1 + self.categories

    @property
    def input_size(self) -> int:
        return self.output_size + self.categories

    @cached_property
    def _ids(self) -> Mapping[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    @cached_property
    def _rare(self) -> frozenset[str]:
        return frozenset(self.rare_words)

    def __contains__(self, word: str) -> bool:
        """Whether `word` is known at all, as a frequent or a rare word."""
        return word in self._ids or word in self._rare

    def id_of(self, word: str) -> int:
        """Id of `word`, the rare token's for any word outside."""
        return self._ids.get(word, self.rare_id)

    def encode(self, words: Iterable[str]) -> list[int]:
        return [self.id_of(word) for word in words]

    def prefix_range(self, prefix: str) -> tuple[int, int]:
        """Half-open range of ids of the words that start with `prefix`; all words for the empty prefix."""
        return prefix_range(self.words, prefix)

    def rare_prefix_range(self, prefix: str) -> tuple[int, int]:
        """The same within `rare_words`."""
        return prefix_range(self.rare_words, prefix)


def prefix_range(words: Sequence[str], prefix: str) -> tuple[int, int]:
    """Half-open range in the sorted `words` of those that start with `prefix`."""
    return bisect_left(words, prefix), bisect_left(words, prefix + _LAST)


def build_vocabulary(counts: Mapping[str, float], categories: int, min_count: float, max_words: int) -> Vocabulary:
    """The vocabulary of all words counted at least `min_count` times, the `max_words` most frequent at most.

    Ties go to the alphabetically first, so equal counts give equal vocabularies.
    """
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = [word for word, count in ranked[:max_words] if count >= min_count]
    chosen = set(kept)
    rare = sorted((word, count) for word, count in ranked if word not in chosen)
    words = tuple(sorted(kept))
    return Vocabulary(
        words,
        tuple(float(counts[word]) for word in words),
        categories,
        tuple(word for word, _ in rare),
        tuple(float(count) for _, count in rare),
    )


def count_words(lines: Iterable[tuple[Sequence[str], float]]) -> Counter[str]:
    """Weighted counts of the words of `(words, weight)` lines."""
    counts: Counter[str] = Counter()
    for line, weight in lines:
        for word in line:
            counts[word] += weight  # type: ignore[assignment]  # Counter is typed for whole numbers only
    return counts
