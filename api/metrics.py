"""How many requests, how long they took: exact counts since the start, percentiles of the latest."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # tracing is off unless it is asked for, and then costs an import
    from api.tracing import Traces

# A list from the cache takes 0.1 to 0.5 ms, from the index 1, from the models 10, a search up to 100; each bucket
# is twice the one before, so a quantile that is read off them is wrong by half of itself at most, on all of that range.
BUCKETS_MS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0)
WINDOW = 2_048  # latest values kept per series: enough for a p99 with 20 values above it, 16 KB each


class Latencies:
    """The latest `WINDOW` durations of one thing, and counts of all in `BUCKETS_MS`; in milliseconds."""

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0
        self._buckets = [0] * (len(BUCKETS_MS) + 1)
        self._latest = array("d")

    def add(self, milliseconds: float) -> None:
        if len(self._latest) < WINDOW:
            self._latest.append(milliseconds)
        else:
            self._latest[self.count % WINDOW] = milliseconds
        self.count += 1
        self.total += milliseconds
        self._buckets[bisect_left(BUCKETS_MS, milliseconds)] += 1

    def cumulative(self) -> list[int]:
        """How many took at most each of `BUCKETS_MS`, and how many there were in all."""
        return list(accumulate(self._buckets))

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
        self.limited: Counter[tuple[str, str]] = Counter()  # refused: (kind of request, session, address or key)
        self.shed: Counter[tuple[str, str]] = Counter()  # refused: (kind of request, in_flight or lag)
        self.in_flight: dict[str, int] = {"keystrokes": 0, "events": 0, "others": 0}
        self.room = dict.fromkeys(self.in_flight, 0.0)  # how many of each may be in flight now
        self.pressed = False  # whether there is much less room for keystrokes than usual
        self.loading = 0  # versions that are being loaded beside the one that is served
        self.loop_lag = Latencies()  # of the ticker that admission goes by
        self.promotions_ended: Counter[str] = Counter()  # by this worker: promote, roll_back
        self.traces: Traces | None = None
        self.by_endpoint: dict[str, Latencies] = {}
        self.by_stage: dict[str, dict[str, Latencies]] = {}

    @contextmanager
    def loads_a_version(self) -> Iterator[None]:
        """Around the loading, so that admission knows what makes the event loop late."""
        self.loading += 1
        try:
            yield
        finally:
            self.loading -= 1

    def request(self, endpoint: str, status: int, milliseconds: float) -> None:
        """One answered request of an endpoint, named by its route so that the names stay few."""
        self.statuses[str(status)] += 1
        self.by_endpoint.setdefault(endpoint, Latencies()).add(milliseconds)

    def stages(self, flow: str, stage_ms: Mapping[str, float]) -> None:
        """The stages that one reply went through."""
        stages = self.by_stage.setdefault(flow, {})
        for stage, milliseconds in stage_ms.items():
            stages.setdefault(stage, Latencies()).add(milliseconds)
        if self.traces is not None:
            self.traces.stages(stage_ms)

    def endpoints(self) -> dict[str, dict[str, float]]:
        return {endpoint: latencies.summary() for endpoint, latencies in sorted(self.by_endpoint.items())}

    def stage_summaries(self) -> dict[str, dict[str, dict[str, float]]]:
        return {
            flow: {stage: latencies.summary() for stage, latencies in stages.items()}
            for flow, stages in sorted(self.by_stage.items())
        }
