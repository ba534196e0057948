"""A search log made fit to learn from (CADENCE §4.1.1): spelling, stop words, units, singular forms.

Each step is a switch of `QueryCleaning`. Joiners (`for`, `with`, `under` …) are kept: queries with them are clicked
more often (paper §4.1.1), and `case for iphone` is no `iphone case`. Which steps a version was trained with stands in
its manifest; `training/LOG.md` has the ablation behind the defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.text.log_spelling import LogSpelling
from core.text.singular import Singulars
from core.text.units import canonical_units

_STOP_WORDS = """
    a an the i me my we our you your it its this that these those is are was were be been am do does did has have had
    can could will would should please want need looking buy get find show some any
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that say nothing about a product. None of them joins two parts of a query."""


@dataclass(frozen=True, slots=True)
class QueryCleaning:
    """Which steps are taken."""

    spelling: bool = True
    stop_words: bool = True
    units: bool = False
    singulars: bool = False


@dataclass
class QueryCleaner:
    """Built from the shop's words: `catalogue` counts those of titles (empty: no spelling), `counts` all."""

    steps: QueryCleaning
    catalogue: Mapping[str, float]
    counts: Mapping[str, float]
    protected: frozenset[str] = frozenset()
    _spelling: LogSpelling | None = field(init=False, default=None)
    _singulars: Singulars | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.steps.spelling and self.catalogue:
            self._spelling = LogSpelling(self.catalogue, self.protected)
        if self.steps.singulars:
            self._singulars = Singulars(self.counts, self.protected)

    def clean(self, text: str) -> str:
        """The cleaned form of the normalised `text`; never empty where `text` is not."""
        if self.steps.units:
            text = canonical_units(text)
        if self._spelling:
            text = self._spelling.correct(text)
        words = text.split()
        if self.steps.stop_words:
            words = [word for word in words if word not in STOP_WORDS] or words
        if self._singulars:
            words = [self._singulars.of(word) for word in words]
        return " ".join(words)
