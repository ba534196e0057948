"""Beam search that knows only a step function.

The step function owns the model, its state and every constraint; what arrives here are candidate tokens with log
probabilities. The search is *anytime*: it looks at the clock before each step and returns what is finished when its
deadline passes, since a thread cannot be stopped from outside.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
State = TypeVar("State")

END = -1  # the token that finishes a hypothesis


@dataclass(frozen=True, slots=True)
class Expansion(Generic[State]):
    """What may follow each of N live rows: `log_probs` and `tokens`, both `(N, C)`; −inf is a forbidden candidate."""

    log_probs: FloatArray
    tokens: IntArray
    state: State


Step = Callable[[State, IntArray, IntArray], Expansion[State]]
"""`step(state, rows, tokens)`: continue the rows `rows` `(M,)` of `state` with one token each `(M,)`."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished sequence without its end token; `root` is the row of the first expansion that it grew from."""

    tokens: tuple[int, ...]
    log_prob: float
    root: int


def beam_search(
    first: Expansion[State],
    root_scores: npt.NDArray[np.floating],
    step: Step[State],
    *,
    width: int,
    limit: int,
    max_steps: int,
    floor: float = -math.inf,
    deadline: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
) -> list[Hypothesis]:
    """The best finished hypotheses, at most `limit`, by falling log probability.

    `root_scores` `(N,)` is the log weight of each row of `first`. What has fallen below `floor`, or below `limit`
    finished ones, is given up, since scores only fall: that changes nothing among the best `limit` above the floor.
    Ends when nothing is left, after `max_steps` tokens, or at `deadline` (in the clock's seconds). Ties are broken by
    order of arrival, so equal inputs give equal lists.
    """
    if width < 1 or limit < 1 or max_steps < 1:
        raise ValueError("width, limit and max_steps must be at least 1")
    finished: list[Hypothesis] = []
    expansion = first
    scores = np.asarray(root_scores, np.float32)
    roots = list(range(len(scores)))
    paths: list[tuple[int, ...]] = [()] * len(scores)
    for length in range(1, max_steps + 1):
        rows, columns, totals = _best(scores, expansion.log_probs, width)
        tokens = expansion.tokens[rows, columns]
        ended = tokens == END
        for row, total in zip(rows[ended], totals[ended], strict=True):
            finished.append(Hypothesis(paths[row], float(total), roots[row]))
        finished = sorted(finished, key=lambda hypothesis: -hypothesis.log_prob)[:limit]
        hopeless = max(floor, finished[-1].log_prob if len(finished) == limit else -math.inf)
        live = ~ended & (totals > hopeless)
        rows, tokens, scores = rows[live], tokens[live], totals[live]
        if not len(rows) or length == max_steps or clock() >= deadline:
            break
        paths = [(*paths[row], int(token)) for row, token in zip(rows, tokens, strict=True)]
        roots = [roots[row] for row in rows]
        expansion = step(expansion.state, rows, tokens)
    return finished


def _best(scores: FloatArray, log_probs: FloatArray, width: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Rows, columns and totals of the `width` best allowed candidates, best first."""
    totals = (scores[:, None] + log_probs).ravel()
    keep = min(width, totals.size)
    best = np.argpartition(-totals, keep - 1)[:keep] if keep < totals.size else np.arange(totals.size)
    best = best[np.lexsort((best, -totals[best]))]
    best = best[np.isfinite(totals[best])]
    rows, columns = np.divmod(best, log_probs.shape[1])
    return rows, columns, totals[best]
