"""A new version's way to all shoppers: a small share sees it first, and guardrails decide.

It is an experiment like any other, which ends by itself: with harm shown the version goes, and without any it serves
everybody. What is harm is decided by always-valid numbers, so looking every minute does no harm itself; the split is
tested anew each time, and therefore held to a stricter level.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.experiments.definition import Arm, Changes, Experiment, Guardrail, Slice
from core.experiments.promotion_names import PREFIX
from core.experiments.report import Report
from core.experiments.verdict import State

LAYER = "promotion"
CONTROL, CANDIDATE = "current", "candidate"
_TOLERANCE = 0.02  # relative: what two trainings of equal worth may differ by
_RAILS = ("conversion", "click_rate", "suggestion_ctr", "zero_result_rate")
_HARM = (State.GUARDRAIL_HARMED, State.WORSE)
_SPLIT_LEVEL = 1e-6  # of the chi-square test of the split, which is looked at every minute
_FEWEST = 30  # shoppers that a version must have served, however long it waited


class Step(StrEnum):
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` for people."""

    step: Step
    reason: str


def promotion(version: str, share: float, units: int, now: datetime) -> Experiment:
    """The experiment that shows `version` to a `share` of shoppers; `units` of each arm are planned."""
    return Experiment(
        name=f"{PREFIX}{version}".lower(),
        arms=(Arm(CONTROL, 1 - share), Arm(CANDIDATE, share, Changes(artifact_version=version))),
        primary_metric="search_ctr",
        minimum_effect=_TOLERANCE,
        units_per_arm=units,
        place=Slice(LAYER),
        guardrails=tuple(Guardrail(metric, _TOLERANCE) for metric in _RAILS),
        starts_at=now,
        hypothesis="the retrained version harms nothing",
    )


def candidate_of(experiment: Experiment) -> str | None:
    """The version that is promoted by an experiment; None where it is none of these."""
    arm = experiment.arm(CANDIDATE)
    return arm.changes.artifact_version if experiment.name.startswith(PREFIX) and arm is not None else None


def decide(report: Report, *, units: int, age: timedelta, patience: timedelta) -> Decision:
    """What to do now. `units`: that the candidate must have served; `patience`: how long it is waited for them."""
    verdict, served = report.verdicts[CANDIDATE], report.units[CANDIDATE]
    if verdict.state in _HARM:
        return Decision(Step.ROLL_BACK, verdict.sentence)
    if verdict.state is State.BROKEN_SPLIT:
        certain = report.split is not None and report.split.p_value < _SPLIT_LEVEL
        return Decision(Step.ROLL_BACK if certain else Step.WAIT, verdict.sentence)
    if served >= units:
        return Decision(Step.PROMOTE, f"{served:,} shoppers were served, and no harm was seen")
    if age >= patience and served >= _FEWEST:
        return Decision(Step.PROMOTE, f"no harm was seen in {age.total_seconds() / 3_600:g} hours")
    return Decision(Step.WAIT, f"{served:,} of {units:,} shoppers were served")
