"""From ranked candidates to the list: one line for each thing, and not ten of one kind."""

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_SHORTEST_PLURAL = 4
_BEFORE_ES = ("se", "xe", "ze", "che", "she")  # `box`, `boxes`; `case`, `cases`; `dish`, `dishes`
FOCUSED_FROM = 8  # characters typed from which on the shopper has said which kind is wanted


class Ranked(NamedTuple):
    """A line: `probability` of being meant, and the `category` that it counts for (None: of no kind).

    `share` of the probability counted when its place was given away: lines of its kind stood above it.
    """

    text: str
    probability: float
    category: int | None = None
    share: float = 1.0
    pinned: bool = False


@lru_cache(maxsize=50_000)
def form_key(text: str) -> tuple[str, ...]:
    """Equal for normalised texts that differ in plurals or the order of their words alone.

    A stemmer would also join `game` and `gaming`, which shoppers mean differently.
    """
    return tuple(sorted(map(_singular, text.split())))


def _singular(word: str) -> str:
    """Without its plural ending, whether what is left is a word or not: both forms must only meet.

    `cases` may be of `case` or of `cas`, so the e before a plural's s goes from both.
    """
    if len(word) < _SHORTEST_PLURAL or not word.isalpha() or word.endswith("ss"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    stem = word[:-1] if word.endswith("s") else word
    return stem[:-1] if stem.endswith(_BEFORE_ES) else stem


def merged(ranked: Sequence[Ranked], keys: Sequence[tuple[str, ...]]) -> list[Ranked]:
    """Of equal `keys` the first, with the probability of all, in the order of `ranked`, which is best first.

    What is added does not change the order: the line that is shown is meant more often, and was first already.
    """
    kept: dict[tuple[str, ...], Ranked] = {}
    for line, key in zip(ranked, keys, strict=True):
        first = kept.get(key)
        kept[key] = line if first is None else first._replace(probability=first.probability + line.probability)
    return sorted(kept.values(), key=lambda line: -line.probability)


def strength(diversity: float, typed_characters: int) -> float:
    """How much a further line of a kind loses: all of `diversity` for an empty prefix, falling to 0 linearly."""
    return diversity * max(0.0, 1.0 - typed_characters / FOCUSED_FROM)


def diversified(ranked: Sequence[Ranked], limit: int, loss: float) -> list[Ranked]:
    """`limit` lines, chosen one by one: the k-th of a category counts (1 − loss)^(k−1) of its probability.

    `ranked` is best first; `loss` in [0, 1], 0 keeps the order. This greedy choice is the one for α-nDCG (Clarke et al.
    2008) with α = loss.
    """
    if loss <= 0:
        return list(ranked[:limit])
    # Of a kind the likeliest line that is left is worth most: only the first ones of the kinds are compared.
    left: dict[int | None, deque[int]] = {}
    for at, line in enumerate(ranked):
        left.setdefault(line.category, deque()).append(at)
    share = dict.fromkeys(left, 1.0)

    def worth(kind: int | None) -> tuple[float, int]:
        at = left[kind][0]
        return ranked[at].probability * share[kind], -at

    chosen: list[Ranked] = []
    while left and len(chosen) < limit:
        kind = max(left, key=worth)
        chosen.append(ranked[left[kind].popleft()]._replace(share=share[kind]))
        if kind is not None:
            share[kind] *= 1 - loss
        if not left[kind]:
            del left[kind]
    return chosen
