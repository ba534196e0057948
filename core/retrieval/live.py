"""Queries learnt since the version was made: visible at once, forgotten by half-life.

Forward decay (Cormode et al. 2009): an increment at time t weighs count · 2^((t − t0) / half-life) for ever, and
reading divides by 2^((now − t0) / half-life). Time passes without touching anything or changing the order.

Texts are kept sorted, so that a prefix is a range. Prefixes that many texts share have their heaviest ones beside them.
"""

import heapq
import threading
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from math import isfinite

_LAST = "\U0010ffff"
_FEW = 16  # texts with one prefix that are read and sorted when asked for
_KEPT, _KEPT_AT_MOST = 20, 40  # of the heaviest of a prefix: sorted anew when fewer than 20 are left
_PREFIX_CHARACTERS = 40  # longer prefixes have no heaviest ones beside them
_HALF_LIVES_AT_MOST = 300  # from t0 on, before weights are brought down again: 2^1023 is the end of floats
_NO_WEIGHT = 1e-60  # of a completion, 200 half-lives ago

_Key = tuple[float, int, str]  # minus the weight, length, text: the order of a list


@dataclass(slots=True)
class _Shared:
    """A prefix with more than a few texts: how many, how much they weigh, and the heaviest of them in order."""

    count: int
    total: float
    heaviest: list[_Key]


@dataclass(eq=False)
class LiveIndex:
    """At most `max_texts` texts with decaying weights; `half_life_seconds` None: they never decay.

    Any thread may read or write at any time; a reading takes microseconds and waits for a single `add` at most.
    """

    half_life_seconds: float | None
    max_texts: int = 50_000
    _weights: dict[str, float] = field(init=False, default_factory=dict)  # as of t0
    _texts: list[str] = field(init=False, default_factory=list)  # sorted
    _shared: dict[str, _Shared] = field(init=False, default_factory=dict)
    _lightest: list[_Key] = field(init=False, default_factory=list)  # heap; weights may be out of date, never too large
    _t0: float | None = field(init=False, default=None)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.max_texts < 1 or (self.half_life_seconds is not None and not self.half_life_seconds > 0):
            raise ValueError("a live index holds at least one text, and its half-life is positive")

    def __len__(self) -> int:
        return len(self._weights)

    def add(self, text: str, count: float, at: float) -> None:
        """`text` was completed `count` times (fractions are fine) at `at`, in seconds since the epoch.

        Where `max_texts` are there already, the lightest one makes room. ValueError for a count below 0 or not finite.
        """
        if not (count >= 0 and isfinite(count) and isfinite(at)):
            raise ValueError("a count is a finite number, not below 0, at a finite time")
        with self._lock:
            if self._half_lives(at) > _HALF_LIVES_AT_MOST:
                self._move_t0(at)
            increment = count * 2.0 ** max(self._half_lives(at), -1074.0)
            if increment <= _NO_WEIGHT:  # nothing, or so long ago that it has no weight left
                return
            if text not in self._weights and len(self._weights) >= self.max_texts:
                self._make_room()
            self._increase(text, increment)

    def complete(self, prefix: str, limit: int, now: float) -> tuple[list[tuple[str, float]], float]:
        """The heaviest texts that start with `prefix` with their weights as of `now`, and the weight of all that do.

        Ties go to the shorter, then to the alphabetically first. Up to 20 cost microseconds; more are sorted anew.
        """
        with self._lock:
            scale = self._scale(now)
            shared = self._shared.get(prefix)
            if shared is None:
                keys = self._keys(prefix)
                total, best = -sum(key[0] for key in keys), heapq.nsmallest(limit, keys)
            elif limit <= _KEPT:
                total, best = shared.total, shared.heaviest[:limit]
            else:
                total, best = shared.total, heapq.nsmallest(limit, self._keys(prefix))
        return [(text, -weight * scale) for weight, _, text in best], total * scale

    def weight_of(self, text: str, now: float) -> float:
        """The weight of `text` as of `now`; 0 if it is not there."""
        with self._lock:
            return self._weights.get(text, 0.0) * self._scale(now)

    def total(self, prefix: str, now: float) -> float:
        """The weight as of `now` of all texts that start with `prefix`."""
        return self.complete(prefix, 0, now)[1]

    def remove(self, text: str) -> None:
        """Forgets `text`, if it is there."""
        with self._lock:
            self._forget(text)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._empty()

    def _empty(self) -> None:
        self._weights, self._texts, self._shared, self._lightest, self._t0 = {}, [], {}, [], None

    def _half_lives(self, at: float) -> float:
        """From t0 to `at`; the first `at` becomes t0."""
        if self._t0 is None:
            self._t0 = at
        return 0.0 if self.half_life_seconds is None else (at - self._t0) / self.half_life_seconds

    def _scale(self, now: float) -> float:
        """What a weight of t0 is multiplied by, to be as of `now`."""
        if self._t0 is None or self.half_life_seconds is None:
            return 1.0
        return float(2.0 ** max(-1074.0, min(_HALF_LIVES_AT_MOST, (self._t0 - now) / self.half_life_seconds)))

    def _move_t0(self, at: float) -> None:
        """Weights as of `at` from now on; what has none left is forgotten."""
        scale = self._scale(at)
        weights = {text: weight * scale for text, weight in self._weights.items()}
        self._empty()
        self._t0 = at
        for text, weight in weights.items():
            if weight > _NO_WEIGHT:
                self._increase(text, weight)

    def _range(self, prefix: str) -> tuple[int, int]:
        low = bisect_left(self._texts, prefix)
        return low, bisect_left(self._texts, prefix + _LAST, low)

    def _key(self, text: str) -> _Key:
        return -self._weights[text], len(text), text

    def _keys(self, prefix: str) -> list[_Key]:
        low, high = self._range(prefix)
        return [self._key(text) for text in self._texts[low:high]]

    def _increase(self, text: str, increment: float) -> None:
        before = self._weights.get(text)
        old = (-before, len(text), text) if before is not None else None
        self._weights[text] = (before or 0.0) + increment
        if old is None:
            insort(self._texts, text)
            heapq.heappush(self._lightest, self._rising(text))
        new = self._key(text)
        for length in range(min(len(text), _PREFIX_CHARACTERS) + 1):
            prefix = text[:length]
            shared = self._shared.get(prefix)
            if shared is not None:
                shared.total += increment
                heaviest = shared.heaviest
                whole = len(heaviest) == shared.count
                shared.count += old is None
                at = bisect_left(heaviest, old) if old is not None else len(heaviest)
                if at < len(heaviest) and heaviest[at] == old:
                    del heaviest[at]
                    insort(heaviest, new)
                elif whole or new < heaviest[-1]:
                    insort(heaviest, new)
                    del heaviest[_KEPT_AT_MOST:]
                continue
            low, high = self._range(prefix)
            if high - low <= _FEW:
                break  # as few have each longer prefix
            self._share(prefix)

    def _share(self, prefix: str) -> None:
        keys = self._keys(prefix)
        self._shared[prefix] = _Shared(len(keys), -sum(key[0] for key in keys), heapq.nsmallest(_KEPT_AT_MOST, keys))

    def _rising(self, text: str) -> _Key:
        return self._weights[text], -len(text), text

    def _make_room(self) -> None:
        """Forgets the lightest text. Weights only rise, so what is out of date in the heap goes back in."""
        while True:
            weight, _, text = self._lightest[0]
            known = self._weights.get(text)
            if known is None:
                heapq.heappop(self._lightest)
            elif known != weight:
                heapq.heapreplace(self._lightest, self._rising(text))
            else:
                self._forget(text)
                return

    def _forget(self, text: str) -> None:
        weight = self._weights.get(text)
        if weight is None:
            return
        key = self._key(text)
        del self._weights[text]
        del self._texts[bisect_left(self._texts, text)]
        if len(self._lightest) > 2 * len(self._weights) + _KEPT:  # mostly forgotten ones
            self._lightest = [self._rising(known) for known in self._texts]
            heapq.heapify(self._lightest)
        for length in range(min(len(text), _PREFIX_CHARACTERS) + 1):
            prefix = text[:length]
            shared = self._shared.get(prefix)
            if shared is None:
                break
            shared.total -= weight
            shared.count -= 1
            at = bisect_left(shared.heaviest, key)
            if at < len(shared.heaviest) and shared.heaviest[at] == key:
                del shared.heaviest[at]
            if shared.count <= _FEW:
                del self._shared[prefix]
            elif len(shared.heaviest) < min(_KEPT, shared.count) or weight > shared.total:
                self._share(prefix)  # too few are left, or what is left of the total is mostly rounding
