"""Counts of word n-grams, as both n-gram baselines need them.

Tokens are *classes*: words and the rare token by their vocabulary ids, then one END for all categories. The begin mark
stands only in histories, once at the front of a line.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.language_model.corpus import Line
from core.text.vocabulary import Vocabulary

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
History = tuple[int, ...]

BEGIN = -1


def classes(vocabulary: Vocabulary) -> int:
    """How many classes are predicted: words, rare, END."""
    return len(vocabulary.words) + 2


def end_class(vocabulary: Vocabulary) -> int:
    return len(vocabulary.words) + 1


@dataclass(frozen=True, slots=True)
class Following:
    """What followed one history: distinct classes with their counts, and the sum of the counts."""

    classes: IntArray
    counts: FloatArray
    total: float


Table = dict[History, Following]
"""What followed each history of one length."""


def count_ngrams(lines: Iterable[Line], end: int, order: int) -> list[Table]:
    """Tables for histories of 0 … order − 1 tokens, each line counted with its weight."""
    counts: list[dict[History, dict[int, float]]] = [defaultdict(dict) for _ in range(order)]
    for line in lines:
        padded = (BEGIN, *line.tokens, end)
        for position in range(1, len(padded)):
            token = padded[position]
            for length in range(min(order - 1, position) + 1):
                following = counts[length][padded[position - length : position]]
                following[token] = following.get(token, 0.0) + line.weight
    return [freeze(table) for table in counts]


def freeze(table: dict[History, dict[int, float]]) -> Table:
    """Arrays instead of dictionaries, classes ascending."""
    frozen = {}
    for history, following in table.items():
        ids = np.array(sorted(following), np.int64)
        values = np.array([following[index] for index in ids.tolist()], np.float64)
        frozen[history] = Following(ids, values, float(values.sum()))
    return frozen


def history_of(tokens: Sequence[int], order: int) -> History:
    """The last `order` − 1 of the begin mark and `tokens`."""
    padded = (BEGIN, *tokens)
    return padded[max(0, len(padded) - order + 1) :] if order > 1 else ()


def shortened(history: History) -> Iterator[History]:
    """`history` from its empty end to its whole: (), (w₋₁,), (w₋₂, w₋₁), …"""
    for start in range(len(history), -1, -1):
        yield history[start:]


def entries(tables: Sequence[Table]) -> int:
    """Stored n-grams: an n-gram model's number of parameters."""
    return sum(len(following.classes) for table in tables for following in table.values())
