"""The product index that is served now: another one takes its place whenever the catalogue changes."""

from dataclasses import dataclass, field
from functools import lru_cache

from core.domain import Scope
from core.retrieval.products import ProductIndex
from core.text.terms import asked_terms

SCOPES = 3
_ANSWERS_KEPT = 100_000  # about 15 MB of counts; scopes are only of first lines


@dataclass(frozen=True, slots=True)
class _Served:
    """An index with what it was asked before: both go together, so that no count outlives its index."""

    index: ProductIndex | None
    number: int
    counts: dict[str, int] = field(default_factory=dict)
    scopes: dict[str, tuple[Scope, ...]] = field(default_factory=dict)


class CurrentProducts:
    """Thread-safe: a reader takes `index` once and sees one state of the catalogue, whatever is served after it."""

    def __init__(self, index: ProductIndex | None) -> None:
        self._served = _Served(index, 0)
        # Lists are counted anew after every change of the catalogue; what their lines ask for stays the same.
        self._asked = lru_cache(_ANSWERS_KEPT)(asked_terms)

    @property
    def index(self) -> ProductIndex | None:
        """None without a catalogue."""
        return self._served.index

    @property
    def number(self) -> int:
        """How many times the index was replaced; 0: it is the one that was published."""
        return self._served.number

    def replace(self, index: ProductIndex) -> None:
        """Serves `index` from now on. For one thread at a time."""
        self._served = _Served(index, self._served.number + 1)

    def count(self, text: str) -> int | None:
        """How many products hold every term of the normalised `text`; None without a catalogue."""
        served = self._served
        if served.index is None:
            return None
        count = served.counts.get(text)
        if count is None:
            if len(served.counts) >= _ANSWERS_KEPT:
                served.counts.clear()
            count = served.counts[text] = served.index.count_matching(self._asked(text))
        return count

    def scopes(self, text: str) -> tuple[Scope, ...]:
        """The shop's categories that hold most of what `text` finds: two or `SCOPES` of them, or none."""
        served = self._served
        if served.index is None:
            return ()
        scopes = served.scopes.get(text)
        if scopes is None:
            if len(served.scopes) >= _ANSWERS_KEPT:
                served.scopes.clear()
            rows = served.index.matching_all(self._asked(text))
            found = served.index.columns.counted_categories(rows)[:SCOPES]
            scopes = tuple(Scope(one.value, one.count) for one in found) if len(found) > 1 else ()
            served.scopes[text] = scopes
        return scopes

    def best(self, text: str, limit: int) -> tuple[str, ...]:
        """Ids of the best products that hold every term of the normalised `text`; none without a catalogue."""
        index = self._served.index
        return () if index is None else index.best_holding_all(self._asked(text), limit)
