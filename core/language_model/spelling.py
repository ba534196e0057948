"""What it costs to spell out a word that the vocabulary does not hold.

A word model that answers "rare" has said nothing yet. Multiplying the rare token's probability by that of the word's
characters makes models with different vocabularies comparable, in bits per character of the query, and no model gains
by calling words rare. The characters are predicted by an interpolated Witten–Bell n-gram model (Witten & Bell 1991; as
in Chen & Goodman 1999, §2.5):

    p(x | h) = (c(hx) + n(h) p(x | h')) / (c(h) + n(h))      n(h): distinct characters seen after h; h' is h shortened

down to a uniform distribution over the known characters, the end of the word and an escape. The escape's probability is
shared equally by all other code points, so every string has a probability above zero and all of them sum to 1.
"""

import math
from collections import defaultdict
from collections.abc import Mapping

from core.text.vocabulary import Vocabulary

_START, _END, _ESCAPE = "\x02", "\x03", "\x1a"  # control characters, which no normalised word holds
_CODE_POINTS = 0x110000


class SpellingModel:
    """Character n-gram model of words, conditioned on the word being outside the vocabulary."""

    def __init__(self, word_counts: Mapping[str, float], order: int = 6) -> None:
        """Learns from words with positive counts; `order` characters are looked at together, the next one included.

        Raises ValueError without words.
        """
        if not word_counts or order < 1:
            raise ValueError("a spelling model needs words, and an order of at least 1")
        self._order = order
        self._counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))  # history → next → count
        for word, count in word_counts.items():
            text = _START + word + _END
            for position in range(1, len(text)):
                for length in range(min(order - 1, position) + 1):
                    self._counts[text[position - length : position]][text[position]] += count
        self._totals = {history: sum(following.values()) for history, following in self._counts.items()}
        known = set(self._counts[""]) - {_END}
        self._characters = frozenset(known)
        self._uniform = 1.0 / (len(known) + 2)
        self._outside_log_share = 0.0

    @classmethod
    def of(cls, vocabulary: Vocabulary, order: int = 6) -> "SpellingModel":
        """Learnt from the words of `vocabulary`, frequent and rare ones.

        Counts enter as 1 + log: what is spelt out are words that hardly occur, and among those a frequent word's
        letters are no better guide than another's. Probabilities are renormalised over the words that the rare token
        stands for, i.e. divided by 1 − Σ p(word) over the frequent ones.
        """
        counts = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
        counts |= dict(zip(vocabulary.rare_words, vocabulary.rare_counts, strict=True))
        model = cls({word: 1.0 + math.log(max(1.0, count)) for word, count in counts.items()}, order)
        model._outside_log_share = math.log1p(-sum(math.exp(model.log_prob(word)) for word in vocabulary.words))
        return model

    def log_prob(self, word: str) -> float:
        """Natural log of p(word | not in the vocabulary); over all strings, when learnt from bare counts."""
        text = _START + word + _END
        total = sum(
            math.log(self.probability(text[max(0, position - self._order + 1) : position], text[position]))
            for position in range(1, len(text))
        )
        return total - self._outside_log_share

    def probability(self, history: str, character: str) -> float:
        """p(character | history) for a history that begins with the start mark or is cut to `order` − 1 characters."""
        if character == _END or character in self._characters:
            return self._interpolated(history, character)
        return self._interpolated(history, _ESCAPE) / (_CODE_POINTS - len(self._characters))

    def _interpolated(self, history: str, character: str) -> float:
        estimate = self._uniform
        for start in range(len(history), -1, -1):
            following = self._counts.get(history[start:])
            if following is None:
                break  # a longer history was not seen either
            total, kinds = self._totals[history[start:]], len(following)
            estimate = (following.get(character, 0.0) + kinds * estimate) / (total + kinds)
        return estimate
