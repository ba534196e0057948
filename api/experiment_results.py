"""From the logs to what GET /admin/experiments/{name}/results answers."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np
from sqlalchemy import Connection

from api.schemas.experiment_results import (
    ComparisonBody,
    ExperimentResults,
    FixedBody,
    MetricBody,
    PreferenceBody,
    SplitBody,
    VerdictBody,
)
from core.experiments.assignment import INTERLEAVED
from core.experiments.definition import Experiment, Method, Unit
from core.experiments.preferences import Preference, judge_preference, prefer
from core.experiments.report import Compared, Counts, Measured, Report, report
from core.experiments.unit_metrics import METRICS, Counted
from core.experiments.verdict import Verdict
from database.connection import Database
from database.repositories.experiment_outcomes import (
    Count,
    Exposed,
    count_before,
    count_outcomes,
    find_credits,
    find_exposed,
)

_LONG_SECONDS = 1.0
_KEPT_TIMES = 20  # as long as it took: looking at many experiments then leaves the database to others


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was counted, as of `until`."""

    exposed: Exposed
    counts: Counts
    before: Counts | None
    until: datetime
    credits: Mapping[str, float] | None = None  # of an interleaving, by unit


class ExperimentResultsReader:
    """Counts for one caller at a time, as the dashboard does. What took long is answered again for a while."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._one_at_a_time = asyncio.Lock()
        self._kept: dict[str, tuple[int, float, ExperimentResults]] = {}  # by name: version, until when, the answer

    async def read(self, experiment: Experiment, changed_at: datetime) -> ExperimentResults:
        """As of now, or of the end. `changed_at`: of the definition's newest version, which may be the stop.

        Raises SQLAlchemyError when the database cannot be read.
        """
        until = min(filter(None, [datetime.now(UTC), experiment.ends_at, changed_at if experiment.stopped else None]))
        async with self._one_at_a_time:
            version, kept_until, kept = self._kept.get(experiment.name, (0, 0.0, None))
            begun = self._clock()
            if kept is not None and version == experiment.version and begun < kept_until:
                return kept
            outcomes = await self._database.count(partial(read_outcomes, experiment=experiment, until=until))
            answer = await asyncio.to_thread(_answer, experiment, outcomes)
            took = self._clock() - begun
            if took > _LONG_SECONDS:
                self._kept[experiment.name] = experiment.version, begun + _KEPT_TIMES * took, answer
            return answer

    async def report(self, experiment: Experiment, until: datetime) -> Report:
        """The same figures as they are computed, for the guard of promotions."""
        async with self._one_at_a_time:
            outcomes = await self._database.count(partial(read_outcomes, experiment=experiment, until=until))
            return await asyncio.to_thread(_report, experiment, outcomes)


def read_outcomes(connection: Connection, experiment: Experiment, until: datetime) -> Outcomes:
    """Everything that its units did from their exposure until `until`."""
    exposed = find_exposed(connection, experiment.name)
    if experiment.method is not Method.AB:
        return _interleaved(connection, experiment, exposed, until)
    by_session = experiment.unit is Unit.SESSION
    at = {unit.unit: row for row, unit in enumerate(exposed.units)}
    if exposed.since is None:
        return Outcomes(exposed, _tables(at, ()), None, until)
    found = count_outcomes(connection, experiment.name, by_session=by_session, start=exposed.since, end=until)
    counts = _tables(at, found)
    for name in ("searches", "followed_searches"):
        counts[name] += counts["empty_searches"]
    if by_session:  # a visit has no earlier days
        return Outcomes(exposed, counts, None, until)
    earlier = list(count_before(connection, experiment.name, by_session=by_session, first=exposed.since))
    return Outcomes(exposed, counts, _known_before(at, earlier), until)


def _interleaved(connection: Connection, experiment: Experiment, exposed: Exposed, until: datetime) -> Outcomes:
    credits: Mapping[str, float] = {}
    if exposed.since is not None:
        by_user = experiment.unit is Unit.USER
        credits = find_credits(connection, experiment.name, start=exposed.since, end=until, by_user=by_user)
    return Outcomes(exposed, {}, None, until, credits)


def _tables(at: dict[str, int], found: Iterable[Count]) -> dict[str, "np.typing.NDArray[np.float64]"]:
    tables = {name: np.zeros(len(at)) for name in Counted.__slots__}
    for unit, name, value in found:
        row = at.get(unit)
        if row is not None:  # chosen by hand otherwise
            tables[name][row] += value
    return tables


def _known_before(at: dict[str, int], earlier: list[Count]) -> Counts | None:
    """NaN for units that did nothing then; None where nobody did anything."""
    were_there = np.zeros(len(at), np.bool_)
    were_there[[at[unit] for unit, _, _ in earlier if unit in at]] = True
    if not were_there.any():
        return None
    return {name: np.where(were_there, table, math.nan) for name, table in _tables(at, earlier).items()}


def _answer(experiment: Experiment, outcomes: Outcomes) -> ExperimentResults:
    if outcomes.credits is not None:
        return _preferred(experiment, outcomes, [*outcomes.credits.values()])
    found = _report(experiment, outcomes)
    return ExperimentResults(
        name=experiment.name,
        version=experiment.version,
        since=outcomes.exposed.since,
        until=outcomes.until,
        units=found.units,
        by_hand=outcomes.exposed.by_hand,
        split=_split(experiment, found),
        verdict=_verdict(found.verdict),
        verdicts={name: _verdict(one) for name, one in found.verdicts.items()},
        metrics=[_metric(one) for one in found.metrics],
    )


def _preferred(experiment: Experiment, outcomes: Outcomes, credits: Sequence[float]) -> ExperimentResults:
    found = prefer(credits, experiment.units_per_arm) if credits else None
    control, treatment = (arm.name for arm in experiment.arms)
    verdict = _verdict(judge_preference(found, treatment, experiment.units_per_arm))
    return ExperimentResults(
        name=experiment.name,
        version=experiment.version,
        since=outcomes.exposed.since,
        until=outcomes.until,
        units={INTERLEAVED: len(outcomes.exposed.units)},
        by_hand=outcomes.exposed.by_hand,
        split=None,
        verdict=verdict,
        verdicts={treatment: verdict},
        metrics=[],
        preference=None if found is None else _preference(found, control, treatment),
    )


def _preference(found: Preference, control: str, treatment: str) -> PreferenceBody:
    return PreferenceBody(
        control=control,
        treatment=treatment,
        units=found.sessions,
        for_control=found.for_a,
        for_treatment=found.for_b,
        treatment_share=found.share_b,
        mean_credit=found.mean_credit,
        low=_finite(found.low),
        high=_finite(found.high),
        p_value=found.always_valid_p,
    )


def _report(experiment: Experiment, outcomes: Outcomes) -> Report:
    return report(experiment, [unit.arm for unit in outcomes.exposed.units], outcomes.counts, outcomes.before)


def _split(experiment: Experiment, found: Report) -> SplitBody | None:
    if found.split is None:
        return None
    expected = dict(zip((arm.name for arm in experiment.arms), found.split.expected, strict=True))
    return SplitBody(expected=expected, p_value=found.split.p_value, alarm=found.split.alarm)


def _verdict(verdict: Verdict) -> VerdictBody:
    return VerdictBody(state=verdict.state.value, sentence=verdict.sentence)


def _metric(one: Measured) -> MetricBody:
    return MetricBody.model_validate(
        {
            "metric": one.name,
            "role": one.role,
            "definition": METRICS[one.name].definition,
            "values": one.values,
            "comparisons": [_comparison(name, compared) for name, compared in one.compared.items()],
        }
    )


def _comparison(treatment: str, compared: Compared) -> ComparisonBody:
    one = compared.comparison
    if one is None:
        return ComparisonBody(treatment=treatment, reason=compared.reason)
    low, high = one.always_valid.interval()
    return ComparisonBody(
        treatment=treatment,
        reason=None,
        difference=_finite(one.fixed.difference),
        low=_finite(low),
        high=_finite(high),
        p_value=one.always_valid.p_value,
        lift=_finite(one.lift),
        lift_low=_finite(one.lift_low),
        lift_high=_finite(one.lift_high),
        fixed=FixedBody(low=one.fixed.low, high=one.fixed.high, p_value=one.fixed.p_value),
        win_probability=_finite(one.win_probability),
        expected_loss=_finite(one.expected_loss),
        variance_reduction=one.variance_reduction,
        cap=one.cap,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
