"""What one stretch of time is counted to, by text and by session; `cells.py` has the same in numbers."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from core.analytics.definitions import MEASURES, TOTALS

TOTAL = {name: number for number, name in enumerate(TOTALS)}
MEASURE = {name: number for number, name in enumerate(MEASURES)}


def _measures() -> list[float]:
    return [0.0] * len(MEASURES)


def _three() -> list[int]:
    return [0, 0, 0]


@dataclass(slots=True)
class Tally:
    """`queries`: searches, of these followed, and clicked. `visits`: bits of `STEPS` by session. `members`: bits of
    what a session is to a value of a dimension, which is written `dimension:value`. `moments`: 3,600 times the place
    of a total plus the second of the hour, for each time that one of the series was counted."""

    totals: list[float] = field(default_factory=lambda: [0.0] * len(TOTALS))
    queries: dict[str, list[int]] = field(default_factory=lambda: defaultdict(_three))
    empty: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    products: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    visits: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    measures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(_measures))
    members: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    moments: list[int] = field(default_factory=list)

    def note(self, name: str, at: datetime) -> None:
        self.moments.append(3_600 * TOTAL[name] + 60 * at.minute + at.second)

    def texts(self) -> set[str]:
        """Every text that needs a number."""
        return {*self.queries, *self.empty, *self.products, *self.measures, *(value for value, _ in self.members)}


@lru_cache(maxsize=50_000)
def visit_hash(session_id: str) -> int:
    """60 bits of a session's id, above four that are free. Two of a million meet with a chance of 1 in 2 million."""
    return int.from_bytes(hashlib.blake2b(session_id.encode(), digest_size=8).digest(), "little") & ~15
