"""May a candidate replace the version that is served? Both complete the same prefixes; paired differences decide.

A candidate is worse, and stays unpublished, where for Success@10 or MRR@10

- it loses more than `TOLERANCE` on average, or
- its whole 95 % bootstrap interval of the difference lies below zero, however small the loss is, or where
- it leaves more than `COVERAGE_TOLERANCE` more of the prefixes without any suggestion.

Two trainings of one generated shop that differ in their seed alone disagreed about 3.5 % of 1,000 prefixes whose
queries were in neither index, and by 0.013 in Success@10. At that disagreement (normal approximation) a thousand
searches let an equal candidate pass 95 times in 100 and one that loses 0.02 five times; a hundred searches let an equal
one pass 70 times and one that loses 0.05 twice. Asking for the lower end of the interval to stay above −0.02 instead is
much the same at a thousand, but at a hundred it refuses four in five equal candidates: small shops would never publish.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.evaluation.metrics import bootstrap_interval

TOLERANCE = 0.01  # of Success@10 and of MRR@10: less than what two trainings with other seeds differ by
COVERAGE_TOLERANCE = 0.01  # of the share of prefixes with any suggestion


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one version completed one prefix of a query."""

    success: float  # 1 if the query is among the first ten
    reciprocal_rank: float  # within the first ten, 0 if it is not there
    answered: float  # 1 if there was any suggestion


@dataclass(frozen=True, slots=True)
class Verdict:
    """`figures` by name; `reasons` says why a candidate is refused and is empty for one that may be published."""

    figures: dict[str, float]
    reasons: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        return not self.reasons


def compare(serving: Sequence[Outcome], candidate: Sequence[Outcome]) -> Verdict:
    """The verdict on outcomes of equal prefixes in equal order. Nothing measured is no evidence: refused.

    Raises ValueError where the two are not equally long.
    """
    if len(serving) != len(candidate):
        raise ValueError(f"{len(serving)} and {len(candidate)} outcomes cannot be paired")
    if not serving:
        return Verdict({"measured": 0.0}, ("there is no completed search and no logged query to measure on",))
    figures = {"measured": float(len(serving))}
    reasons = []
    for name, field in (("Success@10", "success"), ("MRR@10", "reciprocal_rank")):
        before, after = _values(serving, field), _values(candidate, field)
        difference = float((after - before).mean())
        low, high = bootstrap_interval((after - before).tolist())
        figures |= {
            f"serving {name}": float(before.mean()),
            f"candidate {name}": float(after.mean()),
            f"difference of {name}": difference,
            f"difference of {name}, low": low,
            f"difference of {name}, high": high,
        }
        if difference < -TOLERANCE:
            reasons.append(f"{name} falls by {-difference:.4f}, more than {TOLERANCE}")
        elif high < 0:
            reasons.append(f"{name} falls by {-difference:.4f}, and the interval {low:.4f} to {high:.4f} excludes zero")
    before, after = _values(serving, "answered"), _values(candidate, "answered")
    figures |= {"serving answered": float(before.mean()), "candidate answered": float(after.mean())}
    if (lost := float((before - after).mean())) > COVERAGE_TOLERANCE:
        reasons.append(f"{lost:.4f} more of the prefixes get no suggestion, more than {COVERAGE_TOLERANCE}")
    return Verdict(figures, tuple(reasons))


def _values(outcomes: Sequence[Outcome], field: str) -> "np.typing.NDArray[np.float64]":
    return np.array([getattr(outcome, field) for outcome in outcomes], np.float64)
