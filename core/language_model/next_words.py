"""What followed the last words before: n-gram counts that correct a neural model where the log is sure.

A network smooths; after `call of` the log says `duty`. Counts are discounted (Ney, Essen & Kneser 1994), and what the
discount frees goes to the next shorter context, in the end to the network's own distribution q:

    p_n(w | h) = (max(c(h w) − D, 0) + (D · T(h) + B) · p_{n−1}(w | h)) / (c(h) + B),      p_0 = q

T(h): different words after h; B lets the network speak even where one word alone followed. Restricted to some words,
such as those that begin with a half-typed one, all counts are of these words, and p sums to 1 over them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.language_model.corpus import Line

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

END_TOKEN = -1
DISCOUNT = 0.6
NETWORK = 3.0  # B, in completions
_CONTEXTS = (1, 2)  # words that are looked back on
_BEGIN = -2


@dataclass(frozen=True, slots=True)
class Followers:
    """Tokens `(T,)` that followed a context, `END_TOKEN` among them, with how many lines had each."""

    tokens: IntArray
    counts: FloatArray


class NextWords:
    """Built from lines, each of which counts once however often it was completed. Immutable."""

    def __init__(self, lines: Sequence[Line], ignored: frozenset[int] = frozenset()) -> None:
        """Words in `ignored` (the rare token) are no followers, though they are contexts."""
        counts: dict[tuple[int, ...], dict[int, int]] = {}
        for line in lines:
            words = (_BEGIN, *line.tokens, END_TOKEN)
            for at in range(1, len(words)):
                if words[at] not in ignored:
                    for length in _CONTEXTS:
                        if at >= length:
                            after = counts.setdefault(words[at - length : at], {})
                            after[words[at]] = after.get(words[at], 0) + 1
        self._followers = {
            context: Followers(np.array(list(after), np.int64), np.array(list(after.values()), np.float32))
            for context, after in counts.items()
        }

    def mixed(self, tokens: Sequence[int], columns: IntArray, network: FloatArray) -> FloatArray:
        """p after `tokens`, over the C candidates of `network` `(C,)`, which sums to 1 over them.

        `columns`: candidate of every token, −1 for none; its last entry is the end's.
        """
        mixed = network
        words = (_BEGIN, *tokens)
        for length in _CONTEXTS:
            found = self._followers.get(words[-length:]) if len(words) >= length else None
            if found is None:
                continue
            at = columns[found.tokens]  # END_TOKEN is −1: the last entry
            here = at >= 0
            at, counts = at[here], found.counts[here]
            if len(at):
                share = np.float32(DISCOUNT * len(at) + NETWORK) * mixed
                share[at] += counts - np.float32(DISCOUNT)
                share /= counts.sum() + np.float32(NETWORK)
                mixed = share
        return mixed
