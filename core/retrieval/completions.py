"""The completions of a version: one index for what shoppers typed, and one for what each model generated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from core.domain import Source
from core.retrieval.completion import SOURCES, Completion, CompletionIndex
from core.retrieval.completion_build import build_index
from core.retrieval.fuzzy import FuzzyPrefixes
from core.retrieval.fuzzy_build import build_fuzzy


@dataclass(frozen=True)
class Completions:
    """`by_source` has an index, perhaps an empty one, for each of `SOURCES`; no text is in two of them.

    `stored_fuzzy`: `fuzzy` where a version holds it already.
    """

    by_source: Mapping[Source, CompletionIndex]
    stored_fuzzy: FuzzyPrefixes | None = None

    @cached_property
    def fuzzy(self) -> FuzzyPrefixes:
        """The beginnings of what shoppers typed, for what is nearly typed like one; built when first asked for."""
        return self.stored_fuzzy or build_fuzzy(self.by_source[Source.HISTORY])

    def __len__(self) -> int:
        return sum(len(index) for index in self.by_source.values())

    def __contains__(self, text: object) -> bool:
        return any(text in index.texts for index in self.by_source.values())

    def complete(
        self, prefix: str, limit: int, source: Source, allowed: frozenset[int] | None = None
    ) -> tuple[list[Completion], float]:
        """The heaviest queries of `source` that start with `prefix`, and the weight of all that do.

        `allowed`: only these categories. Ties go to the shorter, then to the alphabetically first query.
        """
        return self.by_source[source].complete(prefix, limit, allowed)

    def find(self, text: str) -> Completion | None:
        """The stored query `text`, the shoppers' own before generated ones; None if it is in no index."""
        found = (self.by_source[source].find(text) for source in SOURCES)
        return next((entry for entry in found if entry is not None), None)

    def entries(self) -> Iterator[Completion]:
        """Everything stored, source by source, each in the order of its texts."""
        return chain.from_iterable(self.by_source[source].entries() for source in SOURCES)


def build_completions(entries: Sequence[Completion]) -> Completions:
    """The indexes of `entries`; of equal texts the history wins, then the heavier one."""
    best: dict[str, Completion] = {}
    for entry in entries:
        known = best.get(entry.text)
        if known is None or _order(entry) < _order(known):
            best[entry.text] = entry
    by_source: dict[Source, list[Completion]] = {source: [] for source in SOURCES}
    for entry in best.values():
        by_source[entry.source].append(entry)
    return Completions({source: build_index(listed, source) for source, listed in by_source.items()})


def _order(entry: Completion) -> tuple[int, float]:
    return SOURCES.index(entry.source), -entry.weight
