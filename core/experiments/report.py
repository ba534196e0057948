"""All that an experiment says at one moment: from the counts of its units to the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import ExperimentDataError
from core.experiments.analysis import Comparison, Metric, Plan, UnitValues, analyse
from core.experiments.definition import Experiment
from core.experiments.sample_ratio import SampleRatio, sample_ratio
from core.experiments.unit_metrics import METRICS, Kind, UnitMetric
from core.experiments.verdict import Guardrail, State, Treatment, Verdict, judge, overall

FloatArray = npt.NDArray[np.float64]
Counts = Mapping[str, FloatArray]
"""By name of `unit_metrics.Counted`: `(U,)`, of every unit."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A treatment's comparison with the control, or why there is none."""

    comparison: Comparison | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric: `values` by arm (None: nothing to divide by), `compared` by treatment."""

    name: str
    role: str  # primary | guardrail | secondary
    values: dict[str, float | None]
    compared: dict[str, Compared]


@dataclass(frozen=True, slots=True)
class Report:
    """`verdicts` by treatment."""

    units: dict[str, int]
    split: SampleRatio | None  # None: nobody yet
    metrics: list[Measured]
    verdicts: dict[str, Verdict]
    verdict: Verdict


def report(experiment: Experiment, arms: Sequence[str], counts: Counts, before: Counts | None = None) -> Report:
    """`arms` `(U,)`: of every unit. `before`: counts of earlier days, NaN for units that were not there then."""
    of = np.asarray(arms, object)
    at = {arm.name: np.flatnonzero(of == arm.name) for arm in experiment.arms}
    units = {name: len(rows) for name, rows in at.items()}
    plan = Plan(required_per_arm=experiment.units_per_arm, mde=experiment.minimum_effect)
    measured = [_measured(experiment, name, at, counts, before, plan) for name in METRICS]
    by_name = {one.name: one for one in measured}
    split, verdicts = None, dict[str, Verdict]()
    for arm in experiment.arms[1:]:
        verdicts[arm.name] = Verdict(
            State.TOO_EARLY, f"Too early to say anything of {arm.name}: nobody was exposed yet."
        )
    if sum(units.values()):
        split = sample_ratio(list(units.values()), [arm.weight for arm in experiment.arms])
        verdicts = judge(split, {name: _treatment(experiment, name, by_name) for name in verdicts}, plan)
    order = {experiment.primary_metric: 0} | {rail.metric: 1 for rail in experiment.guardrails}
    measured.sort(key=lambda one: order.get(one.name, 2))
    return Report(units, split, measured, verdicts, overall(verdicts))


def _treatment(experiment: Experiment, arm: str, measured: Mapping[str, Measured]) -> Treatment:
    primary = measured[experiment.primary_metric].compared[arm]
    rails = [
        Guardrail(comparison, rail.tolerance)
        for rail in experiment.guardrails
        if (comparison := measured[rail.metric].compared[arm].comparison) is not None
    ]
    return Treatment(primary.comparison, rails, primary.reason or "")


def _measured(
    experiment: Experiment,
    name: str,
    at: Mapping[str, npt.NDArray[np.intp]],
    counts: Counts,
    before: Counts | None,
    plan: Plan,
) -> Measured:
    metric = METRICS[name]
    values = {arm: _values(metric, rows, counts, before) for arm, rows in at.items()}
    role = "secondary"
    if name == experiment.primary_metric:
        role = "primary"
    elif any(rail.metric == name for rail in experiment.guardrails):
        role = "guardrail"
    named = Metric(name, metric.kind, metric.better)
    control = experiment.control.name
    compared = {arm: _compared(values[control], one, named, plan) for arm, one in values.items() if arm != control}
    return Measured(name, role, {arm: _mean(one) for arm, one in values.items()}, compared)


def _compared(control: UnitValues, treatment: UnitValues, metric: Metric, plan: Plan) -> Compared:
    if any(arm.denominator is not None and not arm.denominator.any() for arm in (control, treatment)):
        return Compared(None, f"there is nothing yet that {metric.name} is a share of")
    try:
        return Compared(analyse(control, treatment, metric, plan))
    except ExperimentDataError as error:
        return Compared(None, str(error))


def _values(metric: UnitMetric, rows: npt.NDArray[np.intp], counts: Counts, before: Counts | None) -> UnitValues:
    numerator = counts[metric.numerator][rows]
    if metric.kind is Kind.PROPORTION:
        numerator = (numerator > 0).astype(np.float64)
    denominator = counts[metric.denominator][rows] if metric.denominator is not None else None
    earlier = None
    if before is not None and metric.kind is not Kind.RATIO:
        earlier = before[metric.numerator][rows]
    return UnitValues(numerator, denominator, earlier)


def _mean(values: UnitValues) -> float | None:
    whole = float(len(values.numerator)) if values.denominator is None else float(values.denominator.sum())
    return float(values.numerator.sum()) / whole if whole else None
