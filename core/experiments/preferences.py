"""Which of two interleaved rankers the shoppers of many sessions preferred."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from core.experiments.moments import checked, moments
from core.experiments.sequential import always_valid_p, boundary, planned_information, rests_on_enough
from core.experiments.verdict import State, Verdict


@dataclass(frozen=True, slots=True)
class Preference:
    """Of sessions' credits, > 0 for b. The sign test is for one look, `low`, `high` and `always_valid_p` for many."""

    sessions: int
    for_a: int
    for_b: int
    sign_p: float  # exact binomial, two-sided; sessions without a preference say nothing
    mean_credit: float
    low: float
    high: float
    always_valid_p: float

    @property
    def share_b(self) -> float:
        """Sessions for b and half of those without a preference, in [0, 1] (Chapelle et al., TOIS 2012, Δ + ½)."""
        return 0.5 + (self.for_b - self.for_a) / (2 * self.sessions)


def prefer(credits: npt.ArrayLike, planned: float, alpha: float = 0.05) -> Preference:
    """From each session's credit `(n,)`: the sum of `Interleaved.preference` over its lists, 0 if nothing was clicked.

    `planned`: sessions for which the confidence sequence of the mean credit is narrowest (one sample, theorem 2.2 of
    the paper named in `core.experiments.sequential`). Raises ExperimentDataError for none or not finite, and
    ValueError for a plan that is none.
    """
    if planned <= 0 or not 0 < alpha < 1:
        raise ValueError(f"{planned} sessions at level {alpha} is no plan")
    values = checked(credits, "credits")
    for_a, for_b = int((values < 0).sum()), int((values > 0).sum())
    sign_p = min(1.0, 2 * float(bdtr(min(for_a, for_b), for_a + for_b, 0.5)))
    arm = moments(values)
    low, high, p_value = -math.inf, math.inf, 1.0
    if rests_on_enough(arm):
        r = arm.count * planned_information(alpha) / planned
        error = math.sqrt(arm.squared_error)
        half = float(boundary(r, alpha)) * error
        low, high, p_value = arm.mean - half, arm.mean + half, float(always_valid_p(np.abs(arm.mean) / error, r))
    return Preference(len(values), for_a, for_b, sign_p, arm.mean, low, high, p_value)


def judge_preference(preference: Preference | None, treatment: str, planned: int, alpha: float = 0.05) -> Verdict:
    """What an interleaving says of its `treatment`, at any time somebody looks. None: nobody yet."""
    if preference is None or not math.isfinite(preference.low):
        chose_any = 0 if preference is None else preference.for_a + preference.for_b
        chose = f"{chose_any:,} units chose between the arms"
        return Verdict(State.TOO_EARLY, f"Too early to say anything of {treatment}: {chose}, {planned:,} are planned.")
    said = (
        f"{preference.for_b:,} units chose what {treatment} brought and {preference.for_a:,} what the control did, "
        f"of {preference.sessions:,} (always-valid p = {preference.always_valid_p:.2g})"
    )
    if preference.always_valid_p < alpha:
        better = preference.mean_credit > 0
        state = State.BETTER if better else State.WORSE
        return Verdict(state, f"{treatment} is {'preferred' if better else 'not preferred'}: {said}.")
    return Verdict(State.UNDECIDED, f"Undecided whether {treatment} is preferred: {said}.")
