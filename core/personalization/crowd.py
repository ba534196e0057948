"""What all shoppers do, kept up event by event: how popular a product is, where, and what goes with what.

Popularity fades like a profile's strengths: at time t, Σ wᵢ · 2^(−(t − tᵢ) / h), for the half-lives of `DAYS` and
`SEASON`. A cohort is anybody of one device, location or referrer; it has a popularity of its own.

One shopper alone says nothing to others: a pair of products counts from `FEWEST` of them on, a cohort from
`COHORT_SHOPPERS` on, and what is rising or popular is measured by who takes a product up, each once.

What goes with what is counted from each shopper's latest products: item-item similarity as in Linden, Smith and York
(IEEE Internet Computing 2003), c / √(n·m) for c joint and n, m single counts, shrunk by `_SHRINK` for rare products.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from zlib import crc32

import numpy as np
import numpy.typing as npt

from core.personalization.decayed import DAYS, HALF_LIVES, SEASON
from core.personalization.keys import NO_KEY, KeyArray

FloatArray = npt.NDArray[np.float32]

LATEST = 30  # products of a shopper that go with the next one
_SHOPPERS = 100_000  # whose latest products are remembered
_NEIGHBOURS = 60  # kept for a product, once it has four times as many
_SHRINK = 5.0
FEWEST = 3  # shoppers who must have had to do with both products of a pair, or with a product that is popular
COHORT_SHOPPERS = 5
_LEAST = 0.7 * FEWEST  # of a count that fades: two at once are less, three within days are not
_BITS = 2**26  # of the filter: 8 MB
_OF_COHORTS, _OF_PURCHASES = 0x51ED_270B << 32, 0x2545_F491 << 32  # what else shoppers meet for the first time
_RATES = np.log(2) / np.array([HALF_LIVES[DAYS], HALF_LIVES[SEASON]] * 2)
_FIRST = 1_024  # places of an empty table


class FadingCounts:
    """Sums that fade, by key of 64 bits: `(2,)` each, for `DAYS` and `SEASON`, and `(2,)` more for a part of them.

    Times in Unix seconds, in any order.
    """

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._sums = np.zeros((_FIRST, 4), np.float64)
        self._at = np.zeros(_FIRST, np.float64)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, key: int, weight: float, at: float, part: float = 0.0) -> None:
        """`part`: how much of the weight counts for the part."""
        added = (weight, weight, part, part)
        place = self._places.setdefault(key, len(self._places))
        if place == len(self._at):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
            self._at = np.concatenate([self._at, np.zeros_like(self._at)])
        known = self._at[place]
        if at >= known:
            self._sums[place] = self._sums[place] * np.exp(-_RATES * (at - known)) + added
            self._at[place] = at
        else:
            self._sums[place] += added * np.exp(-_RATES * (known - at))

    def of(self, keys: Iterable[int], now: float) -> FloatArray:
        """`(R, 4)` as of `now`, the parts last; 0 for what is not known."""
        places = np.fromiter(map(self._places.get, keys, repeat(-1)), np.int64)
        sums: FloatArray = self._faded(places, now)
        sums[places < 0] = 0
        return sums

    def largest(self, count: int, now: float, least: float) -> list[tuple[int, float]]:
        """The `count` keys with the largest parts of the season, largest first; none below `least`."""
        return self._best(count, self._faded(np.arange(len(self._places)), now)[:, 3], least)

    def rising(self, count: int, now: float, least: float) -> list[tuple[int, float]]:
        """The keys whose parts lie most above what the season makes one expect: (days − expected) / √(expected + 1).

        None whose part of these days is below `least`.
        """
        parts = self._faded(np.arange(len(self._places)), now)[:, 2:]
        expected = parts[:, 1] * (HALF_LIVES[DAYS] / HALF_LIVES[SEASON])
        scores = (parts[:, 0] - expected) / np.sqrt(expected + 1)
        return self._best(count, np.where(parts[:, 0] >= least, scores, 0), 0.0)

    def _best(self, count: int, values: FloatArray, least: float) -> list[tuple[int, float]]:
        order = np.argsort(-values, kind="stable")[:count].tolist()
        keys = list(self._places) if order else []
        return [(keys[at], float(values[at])) for at in order if values[at] > 0 and values[at] >= least]

    def _faded(self, places: npt.NDArray[np.int64], now: float) -> FloatArray:
        ages = np.maximum(now - self._at[places], 0)
        faded: FloatArray = (self._sums[places] * np.exp(-ages[:, None] * _RATES)).astype(np.float32)
        return faded


class GoesWith:
    """Joint counts of products, both ways."""

    def __init__(self) -> None:
        self._joint: dict[int, dict[int, float]] = {}
        self._single: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._joint)

    def add(self, key: int, others: Iterable[int]) -> None:
        """`key` came after `others`, of the same shopper."""
        self._single[key] = self._single.get(key, 0.0) + 1
        for other in others:
            if other != key:
                self._count(key, other)
                self._count(other, key)

    def neighbours(self, key: int) -> list[tuple[int, float]]:
        """What goes with `key`, with similarities in [0, 1], the nearest first; ties by key."""
        own = self._single.get(key, 0.0)
        found = [
            (other, count / ((own * self._single.get(other, 0.0)) ** 0.5 + _SHRINK))
            for other, count in self._joint.get(key, {}).items()
            if count >= FEWEST
        ]
        return sorted(((other, min(score, 1.0)) for other, score in found), key=lambda pair: (-pair[1], pair[0]))

    def scores(self, keys: Sequence[int], weights: Sequence[float]) -> dict[int, float]:
        """By product: the sum of `weights` `(N,)` times how well it goes with each of `keys`."""
        total: dict[int, float] = {}
        for key, weight in zip(keys, weights, strict=True):
            own = self._single.get(key, 0.0)
            for other, count in self._joint.get(key, {}).items():
                if count < FEWEST:
                    continue
                score = weight * count / ((own * self._single.get(other, 0.0)) ** 0.5 + _SHRINK)
                total[other] = total.get(other, 0.0) + score
        return total

    def _count(self, key: int, other: int) -> None:
        counts = self._joint.setdefault(key, {})
        counts[other] = counts.get(other, 0.0) + 1
        if len(counts) > 4 * _NEIGHBOURS:
            best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_NEIGHBOURS]
            self._joint[key] = dict(best)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the crowd says of R products.

    `popularity` `(R, 2)` for `DAYS` and `SEASON`; `first` `(R, 2)`: shoppers who took it up, each counted once;
    `cohort` `(R,)`, in the season, among shoppers of the same cohorts;
    `goes_with` `(R,)`: how well each goes with what the shopper is drawn to.
    """

    popularity: FloatArray
    first: FloatArray
    cohort: FloatArray
    goes_with: FloatArray


class Crowd:
    """Fed with events in about the order in which they occurred. Thread-safe."""

    def __init__(self) -> None:
        self.events = 0
        self._popularity = FadingCounts()  # by product; the part counts who had nothing to do with it before, each 1
        self._cohort_shoppers: Counter[int] = Counter()
        self._known = bytearray(_BITS // 8)  # a Bloom filter of shopper and product, one hash
        self._cohorts, self._kinds = FadingCounts(), FadingCounts()  # by cohort and product, or pseudo-category
        self._viewed, self._bought = GoesWith(), GoesWith()
        self._latest: OrderedDict[int, tuple[list[int], list[int]]] = OrderedDict()  # shopper → viewed, bought
        self._lock = threading.Lock()

    def add(
        self,
        shopper: int,
        product: int,
        weight: float,
        at: float,
        *,
        bought: bool = False,
        cohorts: Iterable[int] = (),
        kind: int = NO_KEY,
    ) -> None:
        """`shopper` (a number without meaning) did something of this weight with `product`, as part of `cohorts`.

        `kind`: the product's pseudo-category.
        """
        with self._lock:
            self.events += 1
            first = weight > 0 and self._is_first(shopper, product)
            self._popularity.add(product, weight, at, float(first))
            for cohort in cohorts:
                self._cohort_shoppers[cohort] += self._is_first(shopper, cohort ^ _OF_COHORTS)
                if self._cohort_shoppers[cohort] < COHORT_SHOPPERS:
                    continue  # most are never known: nothing is kept for them but their number
                self._cohorts.add(cohort << 32 | product, weight, at)
                if kind != NO_KEY:
                    self._kinds.add(cohort << 32 | kind, weight, at)
            if first:
                self._follow(shopper, product)
            if bought and self._is_first(shopper, product ^ _OF_PURCHASES):
                self._follow(shopper, product, bought=True)

    def known_cohorts(self, cohorts: Iterable[int]) -> tuple[int, ...]:
        """Those of which enough is known to say something to others."""
        return tuple(cohort for cohort in cohorts if self._cohort_shoppers[cohort] >= COHORT_SHOPPERS)

    def goes_with(self, products: Sequence[int], weights: Sequence[float]) -> dict[int, float]:
        """By product: the sum of `weights` `(N,)` times how well it goes with each of `products`."""
        with self._lock:
            return self._viewed.scores(products, weights)

    def seen(
        self, products: KeyArray, now: float, cohorts: Sequence[int] = (), goes_with: dict[int, float] | None = None
    ) -> Seen:
        """What is known of `products` `(R,)` at Unix time `now`, beside what `goes_with` gave."""
        wide = products.astype(np.uint64)
        keys = wide.tolist()
        with self._lock:
            popularity = self._popularity.of(keys, now)
            cohort = np.zeros(len(keys), np.float32)
            for one in cohorts:
                cohort += self._cohorts.of((wide | np.uint64(one << 32)).tolist(), now)[:, 1]
        near = goes_with or {}
        goes = np.fromiter(map(near.get, keys, repeat(0.0)), np.float32)
        return Seen(popularity[:, :2], popularity[:, 2:], cohort, goes)

    def kinds_of(self, cohorts: Sequence[int], kinds: Sequence[int], now: float) -> FloatArray:
        """`(N,)`: how popular these pseudo-categories are among shoppers of these cohorts, in the season."""
        liked = np.zeros(len(kinds), np.float32)
        with self._lock:
            for cohort in cohorts:
                liked += self._kinds.of([cohort << 32 | kind for kind in kinds], now)[:, 1]
        return liked

    def bought_with(self, product: int, count: int) -> list[tuple[int, float]]:
        """Products that the same shoppers buy, with similarities in [0, 1], the nearest first."""
        with self._lock:
            return self._bought.neighbours(product)[:count]

    def viewed_with(self, product: int, count: int) -> list[tuple[int, float]]:
        """Products that the same shoppers engage with, as `bought_with`."""
        with self._lock:
            return self._viewed.neighbours(product)[:count]

    def popular(self, count: int, now: float) -> list[tuple[int, float]]:
        """The products that most shoppers took up in the season, at least `FEWEST`, most popular first."""
        with self._lock:
            return self._popularity.largest(count, now, _LEAST)

    def rising(self, count: int, now: float) -> list[tuple[int, float]]:
        """Products that more shoppers take up these days than the season makes one expect, most surprising first."""
        with self._lock:
            return self._popularity.rising(count, now, _LEAST)

    def _is_first(self, shopper: int, product: int) -> bool:
        """Whether the two meet for the first time; among 5 million that met, one in a dozen is taken for known."""
        bit = hash((shopper, product)) % _BITS
        mask = 1 << (bit & 7)
        first = not self._known[bit >> 3] & mask
        self._known[bit >> 3] |= mask
        return first

    def _follow(self, shopper: int, product: int, *, bought: bool = False) -> None:
        """The first time that this shopper has to do with the product, or buys it."""
        viewed, purchased = self._latest.setdefault(shopper, ([], []))
        self._latest.move_to_end(shopper)
        if len(self._latest) > _SHOPPERS:
            self._latest.popitem(last=False)
        pairs, latest = (self._bought, purchased) if bought else (self._viewed, viewed)
        pairs.add(product, latest)
        latest.append(product)
        del latest[: max(0, len(latest) - LATEST)]


def cohort_key(field: str, value: str) -> int:
    """Of the shoppers with this `device`, `location` or `referrer`; in [0, 2³²)."""
    return crc32(f"{field}\0{value.casefold()}".encode("utf-8", "surrogatepass"))
