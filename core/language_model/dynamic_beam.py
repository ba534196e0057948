"""Dynamic, diverse beam search (CADENCE Algorithm 1), over many start rows at once.

From each start all next words with p > p1 are kept, after each of them all with p > p2. Every two-step prefix that
results is a beam group of its own, searched with `width` hypotheses under p3 until its end token or `max_words`. The
answer is the union: groups never compete with each other, which is where the diversity comes from; where a model is
sure, few groups form. Like `beam`, it knows only a step function.

The paper prints p1 = 0.3 and p2 = 0.4 (figure 5) but keeps branches of 0.032 and drops one of 0.019, as 0.03 and 0.04
would. Ours are measured (training/LOG.md): many starts, a wide first level and narrow groups leave fewer prefixes
without suggestions than few starts searched broadly, for a similar number of candidates.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.language_model.beam import END, Expansion, Hypothesis, IntArray, State, Step

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DynamicBeam:
    """The parameters of Algorithm 1; probabilities are of single tokens, p1 < p2."""

    p1: float = 0.015
    p2: float = 0.2
    p3: float = 0.05
    width: int = 1  # γ, hypotheses of one group
    max_words: int = 6  # δ, after the start

    def __post_init__(self) -> None:
        if not 0 <= self.p1 < self.p2 < 1 or not 0 <= self.p3 < 1:
            raise ValueError("0 ≤ p1 < p2 < 1 and 0 ≤ p3 < 1")
        if self.width < 1 or self.max_words < 1:
            raise ValueError("width and max_words must be at least 1")


@dataclass(frozen=True, slots=True)
class _Live:
    """N unfinished hypotheses; `group` is the two-step prefix that each belongs to."""

    paths: list[tuple[int, ...]]
    scores: FloatArray  # (N,) summed log probabilities
    roots: IntArray  # (N,) row of the first expansion
    group: IntArray  # (N,)


def dynamic_beam_search(first: Expansion[State], step: Step[State], parameters: DynamicBeam) -> list[Hypothesis]:
    """All finished hypotheses of all start rows, in order of root and group, best first within a group.

    A hypothesis's log probability is that of its tokens and its end, given the start. One that reaches `max_words`
    without an end token is dropped: it was cut, not finished.
    """
    rows_before = np.arange(len(first.log_probs))
    live = _Live([()] * len(rows_before), np.zeros(len(rows_before), np.float32), rows_before, rows_before)
    expansion = first
    finished: list[tuple[int, int, Hypothesis]] = []
    groups = 0
    for length in range(1, parameters.max_words + 2):
        floor = parameters.p1 if length == 1 else parameters.p2 if length == 2 else parameters.p3
        rows, columns = np.nonzero(expansion.log_probs > np.log(max(floor, 1e-30)))
        totals = live.scores[rows] + expansion.log_probs[rows, columns]
        tokens = expansion.tokens[rows, columns]
        if length > 2:
            kept = _best_of_groups(live.group[rows], totals, parameters.width)
            rows, totals, tokens = rows[kept], totals[kept], tokens[kept]
        ended = tokens == END
        for row, total in zip(rows[ended], totals[ended], strict=True):
            root = int(live.roots[row])
            finished.append((root, int(live.group[row]), Hypothesis(live.paths[row], float(total), root)))
        rows, totals, tokens = rows[~ended], totals[~ended], tokens[~ended]
        if not len(rows) or length > parameters.max_words:
            break
        if length <= 2:  # every branch of the first two levels opens its own group
            group = np.arange(groups, groups + len(rows))
            groups += len(rows)
        else:
            group = live.group[rows]
        paths = [(*live.paths[row], int(token)) for row, token in zip(rows, tokens, strict=True)]
        live = _Live(paths, totals, live.roots[rows], group)
        expansion = step(expansion.state, rows, tokens)
    finished.sort(key=lambda item: (item[0], item[1], -item[2].log_prob, item[2].tokens))
    return [hypothesis for _, _, hypothesis in finished]


def _best_of_groups(group: IntArray, totals: FloatArray, width: int) -> IntArray:
    """Indices of the `width` largest totals of each group, ties by order of arrival."""
    order = np.lexsort((np.arange(len(totals)), -totals, group))
    sorted_group = group[order]
    starts = np.flatnonzero(np.r_[True, sorted_group[1:] != sorted_group[:-1]])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    return np.sort(order[rank < width])
