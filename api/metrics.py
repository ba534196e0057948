"""How many requests, how long they took: exact counts since the start, percentiles of the latest."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

WINDOW = 2_048  # latest values kept per series: enough for a p99 with 20 values above it, 16 KB each


class Latencies:
    """The latest `WINDOW` durations of one thing, in milliseconds."""

    def __init__(self) -> None:
        self.count = 0
        self._latest = array("d")

    def add(self, milliseconds: float) -> None:
        if len(self._latest) < WINDOW:
            self._latest.append(milliseconds)
        else:
            self._latest[self.count % WINDOW] = milliseconds
        self.count += 1

    def summary(self) -> dict[str, float]:
        """`count` since the start, and the nearest-rank p50, p95, p99 and maximum of the window in milliseconds."""
        ordered = sorted(self._latest)
        return {
            "count": self.count,
            "p50_ms": _percentile(ordered, 0.50),
            "p95_ms": _percentile(ordered, 0.95),
            "p99_ms": _percentile(ordered, 0.99),
            "max_ms": ordered[-1] if ordered else 0.0,
        }


def _percentile(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else 0.0


class Metrics:
    """Everything counted in one worker. Used from the event loop alone, so it needs no lock."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()  # "200" → requests
        self.counts: Counter[str] = Counter()  # what was degraded or dropped, by name
        self._endpoints: dict[str, Latencies] = {}
        self._stages: dict[str, dict[str, Latencies]] = {}

    def request(self, endpoint: str, status: int, milliseconds: float) -> None:
        """One answered request of an endpoint, named by its route so that the names stay few."""
        self.statuses[str(status)] += 1
        self._endpoints.setdefault(endpoint, Latencies()).add(milliseconds)

    def stages(self, flow: str, stage_ms: Mapping[str, float]) -> None:
        """The stages that one reply went through."""
        stages = self._stages.setdefault(flow, {})
        for stage, milliseconds in stage_ms.items():
            stages.setdefault(stage, Latencies()).add(milliseconds)

    def endpoints(self) -> dict[str, dict[str, float]]:
        return {endpoint: latencies.summary() for endpoint, latencies in sorted(self._endpoints.items())}

    def stage_summaries(self) -> dict[str, dict[str, dict[str, float]]]:
        return {
            flow: {stage: latencies.summary() for stage, latencies in stages.items()}
            for flow, stages in sorted(self._stages.items())
        }
