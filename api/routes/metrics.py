"""GET /metrics: what /admin/stats counts, in the text format of Prometheus. Of the worker that answers."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from api.dependencies import OPEN, State
from api.metrics import BUCKETS_MS, Latencies
from api.state import AppState

router = APIRouter(tags=["operations"])

_QUANTILES = {"0.5": "p50_ms", "0.95": "p95_ms", "0.99": "p99_ms"}
_DRIFT_STATES = {"ok": 0, "warning": 1, "alarm": 2}
_BOUNDS = [*(str(bound / 1_000) for bound in BUCKETS_MS), "+Inf"]  # seconds, as Prometheus has them


@router.get("/metrics", response_class=Response, openapi_extra=OPEN)
async def metrics(state: State) -> Response:
    """Counters and histograms since the start; quantiles, in milliseconds, of the latest requests."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Worker(state))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Worker(Collector):
    def __init__(self, state: AppState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state, counted = self._state, self._state.metrics
        yield _counts("cadence_requests", "answered requests", "status", counted.statuses)
        yield _histogram(
            "cadence_request_duration_seconds",
            "inside the server, by the route's template",
            ["endpoint"],
            {(endpoint,): times for endpoint, times in counted.by_endpoint.items()},
        )
        yield _histogram(
            "cadence_stage_duration_seconds",
            "of what a reply was made of",
            ["flow", "stage"],
            {(flow, stage): times for flow, some in counted.by_stage.items() for stage, times in some.items()},
        )
        yield from _latencies("cadence_request_milliseconds", "endpoint", counted.endpoints())
        for flow, stages in counted.stage_summaries().items():
            yield from _latencies(f"cadence_{flow}_stage_milliseconds", "stage", stages)
        yield _counts("cadence_cache_lookups", "of gathered suggestions", "result", _lookups(state))
        profiles = state.profiles.counts
        looked_up = {"hit": profiles.hits, "miss": profiles.misses, "failure": profiles.failures}
        yield _counts("cadence_profile_lookups", "of shoppers", "result", looked_up)
        yield _counts("cadence_degraded", "what was left out of answers", "what", counted.counts)
        yield from _limited(state)
        yield from _written(state)
        yield from _served(state)
        yield from _model_process(state)
        yield from _writing_process(state)
        yield from _drift(state)


def _lookups(state: AppState) -> dict[str, int]:
    counts = state.candidates.counts
    return {"hit": counts.hits, "miss": counts.misses, "failure": state.candidates.failures}


def _limited(state: AppState) -> Iterator[Metric]:
    refused = CounterMetricFamily("cadence_rate_limited", "requests over a budget", labels=["budget", "identity"])
    for (budget, identity), count in sorted(state.metrics.limited.items()):
        refused.add_metric([budget, identity], count)
    yield refused
    shed = CounterMetricFamily("cadence_shed", "requests refused under load", labels=["kind", "reason"])
    for (kind, reason), count in sorted(state.metrics.shed.items()):
        shed.add_metric([kind, reason], count)
    yield shed
    in_flight = GaugeMetricFamily("cadence_in_flight", "requests being answered", labels=["class"])
    for which, number in state.metrics.in_flight.items():
        in_flight.add_metric([which], number)
    yield in_flight
    room = GaugeMetricFamily("cadence_in_flight_limit", "requests that may be answered at a time", labels=["class"])
    for which, most in state.metrics.room.items():
        room.add_metric([which], most)
    yield room
    yield _histogram("cadence_loop_lag_seconds", "of a tick every 5 ms", [], {(): state.metrics.loop_lag})
    failures = "times Redis did not count in time, and this worker went by its own count"
    yield CounterMetricFamily("cadence_rate_limit_failures", failures, state.limits.failures)


def _written(state: AppState) -> Iterator[Metric]:
    writer = state.writer
    yield CounterMetricFamily("cadence_events_written", "new events on disk", writer.events_written)
    yield CounterMetricFamily("cadence_events_lost", "searches that could not be written", writer.events_lost)
    yield CounterMetricFamily("cadence_lists_written", "shown lists that were logged", writer.lists_written)
    yield CounterMetricFamily("cadence_lists_dropped", "shown lists that were not logged", writer.lists_dropped)


def _served(state: AppState) -> Iterator[Metric]:
    now = datetime.now(UTC)
    running = sum(one.runs(now) for one in state.experiments.current)
    yield GaugeMetricFamily("cadence_experiments_running", "promotions among them", running)
    ended = {step: state.metrics.promotions_ended[step] for step in ("promote", "roll_back")}  # 0 is said, too
    yield _counts("cadence_promotions_ended", "new versions decided upon by this worker", "step", ended)
    yield GaugeMetricFamily("cadence_live_queries", "queries learnt since the version was made", state.live.learnt)
    yield GaugeMetricFamily("cadence_pending_inference", "computations running or waiting", state.threads.pending)


def _model_process(state: AppState) -> Iterator[Metric]:
    """Without series where the models are asked in threads."""
    ready = GaugeMetricFamily("cadence_model_process_ready", "1 if it answers", labels=())
    pending = GaugeMetricFamily("cadence_model_process_pending", "lists that wait for it", labels=())
    restarts = CounterMetricFamily("cadence_model_process_restarts", "of this version's", labels=())
    if (process := state.models.process) is not None:
        ready.add_metric([], int(process.state == "ready"))
        pending.add_metric([], process.pending)
        restarts.add_metric([], process.restarts)
    yield from (ready, pending, restarts)


def _writing_process(state: AppState) -> Iterator[Metric]:
    """Without series where a thread writes events."""
    ready = GaugeMetricFamily("cadence_writing_process_ready", "1 if it writes events", labels=())
    restarts = CounterMetricFamily("cadence_writing_process_restarts", "since the start", labels=())
    if (process := state.database.apart) is not None:
        ready.add_metric([], int(process.ready))
        restarts.add_metric([], process.restarts)
    yield from (ready, restarts)


def _drift(state: AppState) -> Iterator[Metric]:
    """What is unknown has no series."""
    values = GaugeMetricFamily("cadence_drift", "of traffic from the version's training", labels=["measure"])
    states = GaugeMetricFamily("cadence_drift_state", "0 ok, 1 warning, 2 alarm", labels=["measure"])
    for one in state.drift.report.measures if state.drift.report else ():
        if one.value is not None:
            values.add_metric([one.name], one.value)
            states.add_metric([one.name], _DRIFT_STATES[one.state])
    yield values
    yield states


def _counts(name: str, said: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, said, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, said: str, labels: list[str], series: Mapping[tuple[str, ...], Latencies]) -> Metric:
    family = HistogramMetricFamily(name, said, labels=labels)
    for values, times in sorted(series.items()):
        buckets = list(zip(_BOUNDS, map(float, times.cumulative()), strict=True))
        family.add_metric(list(values), buckets, times.total / 1_000)
    return family


def _latencies(name: str, label: str, summaries: dict[str, dict[str, float]]) -> Iterator[Metric]:
    """Quantiles of a window, and how many there were in all."""
    quantiles = GaugeMetricFamily(name, "of the latest ones", labels=[label, "quantile"])
    counts = CounterMetricFamily(name.replace("_milliseconds", "s_measured"), "since the start", labels=[label])
    for what, summary in sorted(summaries.items()):
        for quantile, key in _QUANTILES.items():
            quantiles.add_metric([what, quantile], summary[key])
        counts.add_metric([what], summary["count"])
    yield quantiles
    yield counts
