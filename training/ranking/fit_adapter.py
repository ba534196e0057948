"""Learns `core.retrieval.adapter` from judged searches.

Contrastive (InfoNCE, van den Oord et al. 2018): a query must be nearer to a product that answers it than to those of
the other queries of its batch and to random ones; pairs weigh what their grade gains. The maps start as identity and
the term vectors near zero, so that it begins as the encoder itself. Three passes are enough; more learn by heart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from core.retrieval.adapter import Adapter
from training.ranking.judged import gain

FloatArray = npt.NDArray[np.float32]

GOOD_GRADE = 2.0  # of a pair that is drawn together
_EPOCHS = 3
_BATCH, _RANDOM = 512, 1_024  # pairs of a step, and random titles beside them
_TEMPERATURE = 0.05
_MAP_RATE, _TERM_RATE = 3e-4, 2e-3
_START = 0.02  # standard deviation of the term vectors at the start
_SEEN = 3  # times that a term must stand in titles, or a third of it in queries, to get a vector
_MOST_TERMS = 60_000  # with a vector of their own, the most frequent ones: 90 MB
_QUERY_TERMS, _TITLE_TERMS = 12, 24
_FLOOR_QUANTILE = 0.005  # of the answers: so many are less similar to their query than the floor


@dataclass(frozen=True, slots=True)
class AdapterData:
    """N titles and M queries: the encoder's unit vectors `(·, D)` and their terms; `pairs` `(query, title, grade)`."""

    titles: FloatArray
    title_terms: Sequence[Sequence[str]]
    queries: FloatArray
    query_terms: Sequence[Sequence[str]]
    pairs: Sequence[tuple[int, int, float]]


def fit_adapter(data: AdapterData, seed: int = 0, on_step: Callable[[float], None] = lambda share: None) -> Adapter:
    """The adapter that `data.pairs` teach. Deterministic for a seed. Raises ValueError without a good pair."""
    good = [(query, title, gain(grade)) for query, title, grade in data.pairs if grade >= GOOD_GRADE]
    if not good:
        raise ValueError("no judged product answers its query: there is nothing to learn from")
    net = _Net(data, seed)
    query, title, weight = (torch.tensor(column) for column in zip(*good, strict=True))
    weight = weight / weight.max()
    generator = torch.Generator().manual_seed(seed)
    dense = torch.optim.Adam([net.query_map, net.title_map], lr=_MAP_RATE)
    sparse = torch.optim.SparseAdam(list(net.term_vectors.parameters()), lr=_TERM_RATE)
    steps, step = _EPOCHS * -(-len(good) // _BATCH), 0
    for _ in range(_EPOCHS):
        order = torch.randperm(len(good), generator=generator)
        for at in range(0, len(order), _BATCH):
            for optimizer, rate in ((dense, _MAP_RATE), (sparse, _TERM_RATE)):
                optimizer.param_groups[0]["lr"] = rate * max(0.05, 1 - step / steps)
            batch = order[at : at + _BATCH]
            others = torch.randint(0, len(data.titles), (_RANDOM,), generator=generator)
            loss = _loss(net, query[batch], torch.cat([title[batch], others]), weight[batch])
            dense.zero_grad()
            sparse.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            dense.step()
            sparse.step()  # type: ignore[no-untyped-call]
            step += 1
            on_step(step / steps)
    return net.adapter(_floor(net, query, title))


def _loss(net: "_Net", query: torch.Tensor, titles: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    logits = net.query(query) @ net.title(titles).T / _TEMPERATURE  # (B, B + random)
    size = len(query)
    same = torch.zeros_like(logits, dtype=torch.bool)  # other answers to the same query are no wrong answers
    same[:, :size] = query[:, None] == query[None, :]
    same[range(size), range(size)] = False
    wanted = torch.arange(size)
    each = F.cross_entropy(logits.masked_fill(same, -1e9), wanted, reduction="none")
    return (each * weight).mean()


def _floor(net: "_Net", query: torch.Tensor, title: torch.Tensor) -> float:
    with torch.no_grad():
        cosines = [
            (net.query(query[at : at + _BATCH]) * net.title(title[at : at + _BATCH])).sum(1)
            for at in range(0, len(query), _BATCH)
        ]
    return float(torch.quantile(torch.cat(cosines), _FLOOR_QUANTILE))


class _Net(torch.nn.Module):
    def __init__(self, data: AdapterData, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        size = data.titles.shape[1]
        self.query_map = torch.nn.Parameter(torch.eye(size))
        self.title_map = torch.nn.Parameter(torch.eye(size))
        self._terms, self._idf = _vocabulary(data.title_terms, data.query_terms)
        self._number = {term: at + 1 for at, term in enumerate(self._terms)}  # 0: no term
        self.term_vectors = torch.nn.Embedding(len(self._terms) + 1, size, padding_idx=0, sparse=True)
        torch.nn.init.normal_(self.term_vectors.weight, 0, _START)
        with torch.no_grad():
            self.term_vectors.weight[0] = 0
        self._weights = torch.tensor([0.0, *self._idf])
        self._titles, self._queries = torch.from_numpy(data.titles), torch.from_numpy(data.queries)
        self._title_terms = self._numbered(data.title_terms, _TITLE_TERMS)
        self._query_terms = self._numbered(data.query_terms, _QUERY_TERMS)

    def query(self, places: torch.Tensor) -> torch.Tensor:
        """Unit vectors `(B, D)`."""
        return F.normalize(self._queries[places] @ self.query_map + self._bag(self._query_terms[places]), dim=1)

    def title(self, places: torch.Tensor) -> torch.Tensor:
        """Unit vectors `(B, D)`."""
        return F.normalize(self._titles[places] @ self.title_map + self._bag(self._title_terms[places]), dim=1)

    def adapter(self, floor: float) -> Adapter:
        arrays = [
            tensor.detach().numpy().copy() for tensor in (self.query_map, self.title_map, self.term_vectors.weight[1:])
        ]
        numbers = {term: at for at, term in enumerate(self._terms)}
        return Adapter(arrays[0], arrays[1], arrays[2], np.array(self._idf, np.float32), numbers, floor)

    def _bag(self, numbers: torch.Tensor) -> torch.Tensor:
        weights = self._weights[numbers]
        weights = weights / weights.square().sum(1, keepdim=True).sqrt().clamp_min(1e-6)
        bag: torch.Tensor = (self.term_vectors(numbers) * weights[:, :, None]).sum(1)
        return bag

    def _numbered(self, texts: Sequence[Sequence[str]], width: int) -> torch.Tensor:
        table = np.zeros((len(texts), width), np.int64)
        for row, listed in enumerate(texts):
            numbers = [self._number[term] for term in dict.fromkeys(listed) if term in self._number][:width]
            table[row, : len(numbers)] = numbers
        return torch.from_numpy(table)


def _vocabulary(titles: Sequence[Sequence[str]], queries: Sequence[Sequence[str]]) -> tuple[list[str], list[float]]:
    """Terms that are seen often enough, in alphabetical order, with their idf among titles."""
    held: dict[str, int] = {}
    for listed in titles:
        for term in set(listed):
            held[term] = held.get(term, 0) + 1
    asked: dict[str, int] = {}
    for listed in queries:
        for term in set(listed):
            asked[term] = asked.get(term, 0) + 1
    seen = {term: held.get(term, 0) + _SEEN * asked.get(term, 0) for term in held.keys() | asked.keys()}
    often = sorted((term for term, count in seen.items() if count >= _SEEN), key=lambda term: (-seen[term], term))
    kept = sorted(often[:_MOST_TERMS])
    return kept, [float(np.log(1 + len(titles) / (1 + held.get(term, 0)))) for term in kept]
