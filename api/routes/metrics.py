"""GET /metrics: what /admin/stats counts, in the text format of Prometheus. Of the worker that answers."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.dependencies import State
from api.state import AppState

router = APIRouter(tags=["operations"])

_STATES = {"ok": 0, "warning": 1, "alarm": 2}
_QUANTILES = {"0.5": "p50_ms", "0.95": "p95_ms", "0.99": "p99_ms"}


@router.get("/metrics", response_class=Response)
async def metrics(state: State) -> Response:
    """Counters since the start; quantiles, in milliseconds, of the latest requests."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Worker(state))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Worker(Collector):
    def __init__(self, state: AppState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state, counted = self._state, self._state.metrics
        requests = CounterMetricFamily("cadence_requests", "answered requests", labels=["status"])
        for status, count in sorted(counted.statuses.items()):
            requests.add_metric([status], count)
        yield requests
        yield from _latencies("cadence_request_milliseconds", "endpoint", counted.endpoints())
        for flow, stages in counted.stage_summaries().items():
            yield from _latencies(f"cadence_{flow}_stage_milliseconds", "stage", stages)
        lookups = CounterMetricFamily("cadence_cache_lookups", "of gathered suggestions", labels=["result"])
        lookups.add_metric(["hit"], state.candidates.counts.hits)
        lookups.add_metric(["miss"], state.candidates.counts.misses)
        lookups.add_metric(["failure"], state.candidates.failures)
        yield lookups
        profiles = CounterMetricFamily("cadence_profile_lookups", "of shoppers", labels=["result"])
        profiles.add_metric(["hit"], state.profiles.counts.hits)
        profiles.add_metric(["miss"], state.profiles.counts.misses)
        profiles.add_metric(["failure"], state.profiles.counts.failures)
        yield profiles
        degraded = CounterMetricFamily("cadence_degraded", "what was left out of answers", labels=["what"])
        for what, count in sorted(counted.counts.items()):
            degraded.add_metric([what], count)
        yield degraded
        yield CounterMetricFamily(
            "cadence_lists_dropped", "shown lists that were not logged", state.writer.lists_dropped
        )
        yield from _drift(state)
        yield GaugeMetricFamily("cadence_live_queries", "queries learnt since the version was made", state.live.learnt)
        yield GaugeMetricFamily("cadence_pending_inference", "computations running or waiting", state.threads.pending)
        if (process := state.models.process) is not None:
            yield GaugeMetricFamily("cadence_model_process_ready", "1 if it answers", int(process.state == "ready"))
            yield GaugeMetricFamily("cadence_model_process_pending", "lists that wait for it", process.pending)
            yield CounterMetricFamily("cadence_model_process_restarts", "of this version's", process.restarts)


def _drift(state: AppState) -> Iterator[Metric]:
    """What is unknown has no series: an alert on it says so by `absent`."""
    values = GaugeMetricFamily("cadence_drift", "of traffic from the version's training", labels=["measure"])
    states = GaugeMetricFamily("cadence_drift_state", "0 ok, 1 warning, 2 alarm", labels=["measure"])
    for one in state.drift.report.measures if state.drift.report else ():
        if one.value is not None:
            values.add_metric([one.name], one.value)
            states.add_metric([one.name], _STATES[one.state])
    yield values
    yield states


def _latencies(name: str, label: str, summaries: dict[str, dict[str, float]]) -> Iterator[Metric]:
    """Quantiles of a window, and how many there were in all: the sum over all time is not kept."""
    quantiles = GaugeMetricFamily(name, "of the latest ones", labels=[label, "quantile"])
    counts = CounterMetricFamily(name.replace("_milliseconds", "s_measured"), "since the start", labels=[label])
    for what, summary in sorted(summaries.items()):
        for quantile, key in _QUANTILES.items():
            quantiles.add_metric([what, quantile], summary[key])
        counts.add_metric([what], summary["count"])
    yield quantiles
    yield counts
