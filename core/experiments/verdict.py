"""What an experiment says, in one sentence for each treatment, at any time somebody looks.

Only always-valid numbers decide, so that looking often does no harm. Several treatments share the level by Holm's
procedure, guardrails by Bonferroni's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.experiments.analysis import Comparison, Plan
from core.experiments.multiple import holm
from core.experiments.sample_ratio import SampleRatio
from core.experiments.unit_metrics import Better


class State(StrEnum):
    """In the order in which they are asked."""

    BROKEN_SPLIT = "broken_split"
    GUARDRAIL_HARMED = "guardrail_harmed"
    TOO_EARLY = "too_early"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that may not become worse by more than `tolerance`, a share of the control's mean (0.02: 2 %)."""

    comparison: Comparison
    tolerance: float


@dataclass(frozen=True, slots=True)
class Treatment:
    """One treatment's comparisons with the control. Without a `primary` one, `reason` says why there is none yet."""

    primary: Comparison | None
    guardrails: Sequence[Guardrail] = ()
    reason: str = "nothing was counted yet"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state for programs, a sentence for people."""

    state: State
    sentence: str


def judge(split: SampleRatio, treatments: Mapping[str, Treatment], plan: Plan) -> dict[str, Verdict]:
    """A verdict for each of `treatments` by name. Raises ValueError where there is none."""
    if not treatments:
        raise ValueError("an experiment has a treatment")
    adjusted = holm([1.0 if one.primary is None else one.primary.always_valid.p_value for one in treatments.values()])
    rails = max(1, sum(len(one.guardrails) for one in treatments.values()))
    return {
        name: _broken(split)
        or _harmed(name, one, plan.alpha / rails)
        or _of_primary(name, one, float(p), len(treatments), plan)
        for (name, one), p in zip(treatments.items(), adjusted, strict=True)
    }


def _of_primary(name: str, treatment: Treatment, adjusted_p: float, together: int, plan: Plan) -> Verdict:
    primary = treatment.primary
    if primary is None:
        return Verdict(State.TOO_EARLY, f"Too early to say anything of {name}: {treatment.reason}.")
    return (
        _early(name, primary, plan)
        or _decided(name, primary, treatment.guardrails, adjusted_p, plan)
        or _open(name, primary, together, plan)
    )


def overall(verdicts: Mapping[str, Verdict]) -> Verdict:
    """Of the whole experiment: a treatment that is better counts first, then harm, then whatever is still open."""
    order = (
        State.BROKEN_SPLIT, State.BETTER, State.GUARDRAIL_HARMED, State.TOO_EARLY, State.UNDECIDED, State.WORSE,
        State.NO_DIFFERENCE,
    )  # fmt: skip
    return min(verdicts.values(), key=lambda one: order.index(one.state))


def _broken(split: SampleRatio) -> Verdict | None:
    if not split.alarm:
        return None
    seen = " : ".join(f"{count:,}" for count in split.counts)
    wanted = " : ".join(f"{count:,.0f}" for count in split.expected)
    return Verdict(
        State.BROKEN_SPLIT,
        f"The arms have {seen} users where {wanted} were to be expected (p = {split.p_value:.1g}): something loses or "
        "doubles users of one arm, and no comparison can be trusted until that is found.",
    )


def _harmed(name: str, treatment: Treatment, alpha: float) -> Verdict | None:
    for guardrail in treatment.guardrails:
        if guardrail.comparison.gain(alpha)[1] < -guardrail.tolerance:
            return Verdict(
                State.GUARDRAIL_HARMED,
                f"{name} harms {guardrail.comparison.metric.name}: {_change(guardrail.comparison, alpha)}, and "
                f"{guardrail.tolerance:.1%} would be tolerated.",
            )
    return None


def _early(name: str, primary: Comparison, plan: Plan) -> Verdict | None:
    fewest = _fewest(primary)
    if fewest >= plan.minimum_per_arm and primary.always_valid.speaks:
        return None
    needed = f"at least {plan.minimum_per_arm:,} are needed to speak and {plan.required_per_arm:,} are planned."
    if fewest >= plan.minimum_per_arm:
        needed = f"and {primary.metric.name} rests on too few of them."
    return Verdict(
        State.TOO_EARLY, f"Too early to say anything of {name}: {fewest:,} users in the smaller arm, {needed}"
    )


def _decided(
    name: str, primary: Comparison, guardrails: Sequence[Guardrail], adjusted_p: float, plan: Plan
) -> Verdict | None:
    if adjusted_p >= plan.alpha:
        return None
    higher = primary.always_valid.difference > 0
    better = higher == (primary.metric.better is Better.HIGHER)
    said = f"{name} is {'better' if better else 'worse'} in {primary.metric.name}: {_change(primary, plan.alpha)}."
    rails = max(1, len(guardrails))
    unsure = [
        one.comparison.metric.name
        for one in guardrails
        if not one.comparison.gain(plan.alpha / rails)[0] > -one.tolerance
    ]
    if better and unsure:
        said += f" Not yet shown to be within its tolerance: {', '.join(unsure)}."
    return Verdict(State.BETTER if better else State.WORSE, said)


def _open(name: str, primary: Comparison, together: int, plan: Plan) -> Verdict:
    fewest = _fewest(primary)
    low, high = primary.gain(plan.alpha / together)
    change = _change(primary, plan.alpha / together)
    if fewest >= plan.required_per_arm and -plan.mde < low and high < plan.mde:
        return Verdict(
            State.NO_DIFFERENCE,
            f"{name} makes no difference in {primary.metric.name} that matters ({plan.mde:.1%} would): {change}.",
        )
    left = plan.required_per_arm - fewest
    rest = f"{left:,} more users in each arm are planned" if left > 0 else "the planned size has been reached"
    return Verdict(State.UNDECIDED, f"Undecided whether {name} changes {primary.metric.name}: {change}; {rest}.")


def _fewest(comparison: Comparison) -> int:
    return min(comparison.control_count, comparison.treatment_count)


def _change(comparison: Comparison, alpha: float) -> str:
    """Such as "+3.1 % (between +1.0 % and +5.2 %)"."""
    low, high = comparison.always_valid.lift(alpha)
    if not math.isfinite(low + high):
        return "how much cannot be said yet"
    return f"{comparison.lift:+.1%} (between {low:+.1%} and {high:+.1%})"
