"""From judged searches to a ranker, and what it is worth on queries that it never saw.

    encoder's vectors → adapter (one a fold) → samples → network

A sample's features come from an adapter that did not see its query, or the network would trust cosines that no new
query has. What is measured is what is published: neither adapter nor network learns from the queries held out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from config.progress import Update
from core.evaluation.metrics import bootstrap_interval, ndcg_at
from core.ranking.ranker import FormulaRanker, NetworkRanker, Ranker
from core.retrieval.adapter import Adapter
from core.retrieval.products import ProductIndex
from core.text.terms import terms
from training.ranking.fit_adapter import AdapterData, fit_adapter
from training.ranking.judged import LEAST_GRADE, JudgedQueries
from training.ranking.network import fit_network
from training.ranking.samples import Asked, Sample, adapted, read_queries, sample

FloatArray = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], FloatArray]

FOLDS = 3
LEAST_QUERIES = 200  # judged ones; of fewer a ranker learns noise


@dataclass(frozen=True, slots=True)
class Learnt:
    """`index` is the published one with `adapter`; `figures` are of the held-out queries, by name."""

    adapter: Adapter
    network: NetworkRanker
    index: ProductIndex
    figures: Mapping[str, float]

    @property
    def pays(self) -> bool:
        """Whether the held-out queries are answered better than without it, beyond chance."""
        return self.figures["nDCG@10 gain, low"] > 0


class Learner:
    """One run on an index whose vectors are the encoder's own; `titles` beside its rows."""

    def __init__(
        self, index: ProductIndex, titles: Sequence[str], known_words: Mapping[str, float], encode: Encode, seed: int
    ) -> None:
        self._index, self._known_words, self._encode, self._seed = index, known_words, encode, seed
        self._vectors = index.dense.all()
        self._title_terms = [terms(title) for title in titles]

    def learn(self, judged: JudgedQueries, update: Update) -> Learnt:
        """The ranker that `judged` teaches. Raises ValueError for too few queries to learn from."""
        if len(judged) < LEAST_QUERIES:
            raise ValueError(f"{len(judged)} judged queries are too few to learn a ranker from: {LEAST_QUERIES} needed")
        learning, held_out = judged.split(self._seed)
        update(0, "reading queries")
        asked = self._read(learning)
        samples: list[Sample] = []
        folds = learning.folds(FOLDS, self._seed)
        for number, fold in enumerate(folds):
            inside = set(fold)
            rest = [at for at in range(len(learning)) if at not in inside]
            shares = (number / (FOLDS + 2), (number + 0.5) / (FOLDS + 2))
            index = self._adapted(self._fit(learning, asked, rest, update, shares))
            samples += [sample(index, asked[at], learning.judged[at]) for at in fold]
        shares = (FOLDS / (FOLDS + 2), (FOLDS + 1) / (FOLDS + 2))
        adapter = self._fit(learning, asked, range(len(learning)), update, shares)
        index = self._adapted(adapter)
        network = fit_network(
            samples, self._seed, on_step=lambda share: update((FOLDS + 1 + share) / (FOLDS + 2), "network")
        )
        return Learnt(adapter, network, index, self._measured(held_out, index, network))

    def _read(self, judged: JudgedQueries) -> list[Asked]:
        return read_queries(self._index, self._known_words, judged.texts, self._encode)

    def _adapted(self, adapter: Adapter) -> ProductIndex:
        return adapted(self._index, self._vectors, self._title_terms, adapter)

    def _fit(
        self,
        judged: JudgedQueries,
        asked: Sequence[Asked],
        places: Sequence[int],
        update: Update,
        shares: tuple[float, float],
    ) -> Adapter:
        data = AdapterData(
            self._vectors,
            self._title_terms,
            np.stack([asked[at].vector for at in places]),
            [asked[at].question.terms for at in places],
            [(place, row, grade) for place, at in enumerate(places) for row, grade in judged.judged[at]],
        )
        low, high = shares
        return fit_adapter(data, self._seed, lambda share: update(low + share * (high - low), "adapter"))

    def _measured(self, held_out: JudgedQueries, index: ProductIndex, ranker: Ranker) -> dict[str, float]:
        """nDCG@10 over the catalogue: without judgments, with the adapter alone, with both."""
        formula = FormulaRanker()
        rows: list[tuple[float, float, float]] = []
        for asked, judged in zip(self._read(held_out), held_out.judged, strict=True):
            plain, taught = sample(self._index, asked), sample(index, asked)
            gains = {str(row): grade - LEAST_GRADE for row, grade in judged}
            if any(gains.values()):
                ranked = (_ranked(plain, formula), _ranked(taught, formula), _ranked(taught, ranker))
                rows.append(
                    (ndcg_at(ranked[0], gains, 10), ndcg_at(ranked[1], gains, 10), ndcg_at(ranked[2], gains, 10))
                )
        if not rows:
            raise ValueError("no held-out query has an answer that gains: nothing can be measured")
        figures = np.array(rows)
        low, high = bootstrap_interval((figures[:, 2] - figures[:, 0]).tolist())
        return {
            "held-out queries": float(len(rows)),
            "nDCG@10 without judgments": float(figures[:, 0].mean()),
            "nDCG@10 with the adapter": float(figures[:, 1].mean()),
            "nDCG@10 with adapter and network": float(figures[:, 2].mean()),
            "nDCG@10 gain, low": low,
            "nDCG@10 gain, high": high,
        }


def _ranked(found: Sample, ranker: Ranker) -> list[str]:
    order = np.lexsort((found.rows, -ranker.score(found.features)))[:10]
    return [str(int(found.rows[at])) for at in order]
