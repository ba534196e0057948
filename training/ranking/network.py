"""A small network on the samples of judged searches, listwise (ListNet, Cao et al. 2007).

    score(x) = w·x + v·relu(x·W + b)        x: features in standard deviations of all candidates

The network starts as the formula, and the softmax of its scores over the candidates of a query is drawn towards the
gains of the judged ones. A product that nobody judged counts as a wrong answer: most are. Several networks that differ
in what they draw are one wide network, whose mean changes less from one training to the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from core.ranking.features import FEATURES
from core.ranking.ranker import CLIPPED, NetworkRanker
from training.ranking.judged import gain
from training.ranking.samples import Sample

FloatArray = npt.NDArray[np.float32]

_MODELS = 3
_HIDDEN = 64
_DROPPED = 0.2
_EPOCHS = 36
_BATCHES, _SMALLEST, _LARGEST = 48, 16, 128  # steps of an epoch, about; queries of one
_RATE, _DECAY = 3e-3, 1e-4
_START = 8.0  # of the formula, which is in [0, 1]: a softmax over it is sharp enough to begin with
_SMALL = 0.1  # of the usual weights, for the way out of the hidden layer at the start
_MOST_GAIN = 6.0  # of one query: those with many answers count no more


def fit_network(
    samples: Sequence[Sample], seed: int = 0, on_step: Callable[[float], None] = lambda share: None
) -> NetworkRanker:
    """The mean of `_MODELS` networks. Deterministic for a seed, on one thread.

    Raises ValueError where no sample has an answer that gains among its candidates.
    """
    rows = np.concatenate([one.features[one.found] for one in samples])
    mean, scale = rows.mean(0), rows.std(0) + np.float32(1e-6)
    lists = _Lists.of(samples, mean, scale)
    nets = []
    for number in range(_MODELS):

        def report(share: float, done: int = number) -> None:
            on_step((done + share) / _MODELS)

        nets.append(_fitted(lists, scale, seed * _MODELS + number, report))
    return NetworkRanker(
        mean=mean,
        scale=scale,
        linear=np.mean([net.linear.detach().numpy() for net in nets], axis=0),
        hidden=np.concatenate([net.hidden.weight.detach().numpy().T for net in nets], axis=1),
        bias=np.concatenate([net.hidden.bias.detach().numpy() for net in nets]),
        output=(np.concatenate([net.output.detach().numpy() for net in nets]) / _MODELS).astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class _Lists:
    """Q queries with at most R candidates: `wanted` sums to 1 for each; `absent`: there are fewer candidates."""

    features: torch.Tensor  # (Q, R, F)
    wanted: torch.Tensor  # (Q, R)
    weight: torch.Tensor  # (Q,)
    absent: torch.Tensor  # (Q, R)

    @classmethod
    def of(cls, samples: Sequence[Sample], mean: FloatArray, scale: FloatArray) -> "_Lists":
        kept = [(one.features[one.found], _gains(one.grades[one.found])) for one in samples]
        kept = [(rows, gains) for rows, gains in kept if gains.any()]
        if not kept:
            raise ValueError("no judged query has an answer among its candidates: there is nothing to learn from")
        longest = max(len(gains) for _, gains in kept)
        features = np.zeros((len(kept), longest, len(FEATURES)), np.float32)
        wanted = np.zeros((len(kept), longest), np.float32)
        absent = np.ones((len(kept), longest), np.bool_)
        for at, (rows, gains) in enumerate(kept):
            features[at, : len(rows)] = np.clip((rows - mean) / scale, -CLIPPED, CLIPPED)
            wanted[at, : len(rows)] = gains / gains.sum()
            absent[at, : len(rows)] = False
        weight = np.minimum([gains.sum() for _, gains in kept], _MOST_GAIN).astype(np.float32)
        return cls(*(torch.from_numpy(array) for array in (features, wanted, weight, absent)))


class _Net(torch.nn.Module):
    def __init__(self, scale: FloatArray) -> None:
        super().__init__()
        formula = FEATURES.index("formula")
        self.linear = torch.nn.Parameter(torch.zeros(len(FEATURES)))
        with torch.no_grad():
            self.linear[formula] = _START * float(scale[formula])
        self.hidden = torch.nn.Linear(len(FEATURES), _HIDDEN)
        self.output = torch.nn.Parameter(torch.empty(_HIDDEN).uniform_(-1, 1) * _SMALL / _HIDDEN**0.5)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """`(…, F)` → `(…,)`."""
        hidden = torch.nn.functional.dropout(torch.relu(self.hidden(rows)), _DROPPED, training=self.training)
        scores: torch.Tensor = rows @ self.linear + hidden @ self.output
        return scores


def _fitted(lists: _Lists, scale: FloatArray, seed: int, on_step: Callable[[float], None]) -> _Net:
    torch.manual_seed(seed)
    net = _Net(scale)
    optimizer = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=_DECAY)
    size = min(max(len(lists.weight) // _BATCHES, _SMALLEST), _LARGEST)
    steps = _EPOCHS * -(-len(lists.weight) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=max(steps, 2))
    step = 0
    for _ in range(_EPOCHS):
        order = torch.randperm(len(lists.weight))
        for at in range(0, len(order), size):
            batch = order[at : at + size]
            scores = net(lists.features[batch]).masked_fill(lists.absent[batch], -1e9)
            each = -(lists.wanted[batch] * torch.log_softmax(scores, 1)).sum(1)
            weight = lists.weight[batch]
            loss = (each * weight).sum() / weight.sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            step += 1
            on_step(step / steps)
    return net


def _gains(grades: FloatArray) -> FloatArray:
    """2^(grade − 1) − 1 of what was judged, 0 for the rest."""
    return np.array([gain(float(grade)) if grade > 0 else 0.0 for grade in grades], np.float32)
