"""One way to score every language model on whole queries, whatever it is made of and whatever its vocabulary.

A model gives probabilities of *classes*: its words, the rare token, and one END (the end tokens of all categories are
the same event). Per query there come out log likelihoods, the ranks of the right words, and what spelling out the rare
words costs. Two protocols: in the *oracle* one the model is told the category of the whole query, as in the paper,
although it says something about words not typed yet; in the *predicted* one everything comes from the words typed
before (`training.evaluation.mixture`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from rich.progress import track

from core.language_model.spelling import SpellingModel
from core.text.vocabulary import Vocabulary
from training.evaluation.mixture import CategoryMixture

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]

TOP = (1, 5, 10)
_AT_ONCE = 6_000_000  # probabilities held at once


class ScoredModel(Protocol):
    """A language model under test. C classes: `len(vocabulary.words)` words, then rare, then END."""

    vocabulary: Vocabulary
    parameters: int
    uses_category: bool
    categories: int  # how many it knows; 1 where it uses none
    normalized: bool  # whether probabilities sum to 1; scores of stupid back-off do not

    def probabilities(self, tokens: IntArray, category: IntArray) -> FloatArray:
        """`(B, T + 1, C)` for words `tokens` `(B, T)` under `category` `(B,)`: after none of them, the first, …"""

    def stepwise(self, tokens: Sequence[int], category: int) -> Iterator[FloatArray]:
        """The same for one row as T + 1 arrays `(C,)`, reading one word after the other as serving would."""


@dataclass(frozen=True, slots=True)
class TestQuery:
    """A held-out query: its normalised words and the category of the whole of it."""

    __test__ = False  # not a test case, whatever its name suggests to pytest

    words: tuple[str, ...]
    category: int

    @property
    def characters(self) -> int:
        """Characters with spaces, and one for the end."""
        return len(" ".join(self.words)) + 1


@dataclass(frozen=True, slots=True)
class Scores:
    """Sums per query, each `(Q,)`, in the order of the queries. Logs are natural."""

    tokens: npt.NDArray[np.float64]  # words and the end
    characters: npt.NDArray[np.float64]
    log_likelihood: npt.NDArray[np.float64]  # of the classes
    spelling: npt.NDArray[np.float64]  # log probability of the letters of rare words
    hits: npt.NDArray[np.float64]  # (Q, 3): tokens ranked within the first 1, 5, 10
    word_hits: npt.NDArray[np.float64]  # words ranked first: the end, which every model guesses, left out

    def metrics(self) -> dict[str, float]:
        """Averages over all tokens, and bits over all characters."""
        tokens = self.tokens.sum()
        likelihood = self.log_likelihood.sum() / tokens
        return {
            "log likelihood": float(likelihood),
            "perplexity": float(np.exp(-likelihood)),
            **{f"top-{k}": float(self.hits[:, at].sum() / tokens) for at, k in enumerate(TOP)},
            "top-1 of words": float(self.word_hits.sum() / self.words.sum()),
            "bits per character": float(self.bits.sum() / self.characters.sum()),
        }

    @property
    def words(self) -> npt.NDArray[np.float64]:
        """Words of each query, `(Q,)`."""
        return self.tokens - 1

    @property
    def bits(self) -> npt.NDArray[np.float64]:
        """What each query costs in bits, rare words spelt out, `(Q,)`."""
        bits: npt.NDArray[np.float64] = -(self.log_likelihood + self.spelling) / np.log(2)
        return bits


def score(
    model: ScoredModel,
    queries: Sequence[TestQuery],
    spelling: SpellingModel,
    mixture: CategoryMixture | None = None,
    note: str = "scoring",
) -> Scores:
    """Scores of `queries` under each query's own category (oracle), or the `mixture` predicted from what is typed.

    A rare word never counts as guessed, and the rare token takes no place in the ranking: it is nothing to show.
    """
    encoded = [np.array(model.vocabulary.encode(query.words), np.int64) for query in queries]
    spelt = _spelling_costs(model.vocabulary, queries, spelling)
    likelihood = np.zeros(len(queries))
    hits, word_hits = np.zeros((len(queries), len(TOP))), np.zeros(len(queries))
    predict = mixture.bound_to(model) if mixture is not None and model.uses_category else None
    for group in track(_groups(encoded, model, predict.rows if predict else 1), note):
        tokens = np.stack([encoded[index] for index in group])
        if predict:
            probabilities = predict(tokens, group)
        else:
            category = np.array([queries[index].category if model.uses_category else 0 for index in group], np.int64)
            probabilities = model.probabilities(tokens, category)
        end = np.full((len(group), 1), model.vocabulary.rare_id + 1)
        chances, ranks = _chances_and_ranks(probabilities, np.concatenate([tokens, end], 1), model.vocabulary.rare_id)
        likelihood[group] = np.log(chances).sum(1)
        hits[group] = np.stack([(ranks <= k).sum(1) for k in TOP], 1)
        word_hits[group] = (ranks[:, :-1] <= 1).sum(1)
    return Scores(
        np.array([len(query.words) + 1.0 for query in queries]),
        np.array([float(query.characters) for query in queries]),
        likelihood,
        spelt,
        hits,
        word_hits,
    )


def _groups(encoded: Sequence[IntArray], model: ScoredModel, rows: int) -> list[IntArray]:
    """Indices of queries of equal length, as many together as memory allows."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, tokens in enumerate(encoded):
        by_length[len(tokens)].append(index)
    groups = []
    for length, members in sorted(by_length.items()):
        size = max(1, _AT_ONCE // ((length + 1) * rows * (model.vocabulary.rare_id + 2)))
        groups += [np.array(members[start : start + size]) for start in range(0, len(members), size)]
    return groups


def _chances_and_ranks(probabilities: FloatArray, targets: IntArray, rare: int) -> tuple[FloatArray, FloatArray]:
    """Probability and rank (from 1, ties by id) of each target `(B, T)` in `(B, T, C)`; infinite for the rare token."""
    chance = np.take_along_axis(probabilities, targets[..., None], 2)
    # Counting whole rows is cheaper than sorting them; ties are few, and only rows that have some look at ids.
    ahead = (probabilities > chance).sum(2)
    equal = (probabilities == chance).sum(2)
    for row, position in np.argwhere(equal > 1):
        same = np.flatnonzero(probabilities[row, position] == chance[row, position])
        ahead[row, position] += (same < targets[row, position]).sum()
        ahead[row, position] -= bool(rare in same and rare < targets[row, position])
    rank = 1.0 + ahead - (probabilities[..., rare] > chance[..., 0])
    rank[targets == rare] = np.inf
    return chance[..., 0].astype(np.float64), rank


def _spelling_costs(
    vocabulary: Vocabulary, queries: Sequence[TestQuery], spelling: SpellingModel
) -> npt.NDArray[np.float64]:
    known = set(vocabulary.words)
    return np.array(
        [sum(spelling.log_prob(word) for word in query.words if word not in known) for query in queries], np.float64
    )
