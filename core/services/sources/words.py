"""Queries that hold the typed words in any order and in any place: `shoes red` finds `red running shoes`."""

from core.domain import Source
from core.retrieval.completions import Completions
from core.services.sources.contract import Keystroke, Match, Pool
from core.services.sources.history import STORED_SHARE

COST = 3.5  # nats: one shopper in thirty types the words of a query in another order, or leaves the first ones out
_SHORTEST = 3  # characters: a letter or two stand in the middle of everything


class WordsSource:
    """Asked where too little begins with what was typed."""

    name = "words"

    def __init__(self, completions: Completions) -> None:
        self._indexes = [index for index in completions.by_source.values() if len(index)]

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool:
        return len(keystroke.typed.text) >= _SHORTEST and len(pool.candidates) < keystroke.limit

    def add(self, keystroke: Keystroke, pool: Pool) -> None:
        typed = keystroke.typed
        for index in self._indexes:
            entries = index.matching(typed.words, typed.half, keystroke.limit)
            if keystroke.allowed is not None:
                entries = [entry for entry in entries if entry.category in keystroke.allowed]
            total = sum(entry.weight for entry in entries)
            for entry in entries:
                seen = entry.source is Source.HISTORY
                pool.add(
                    entry.text, entry.source, Match.WORDS, typed.text, cost=COST,
                    weight=entry.weight if seen else 0.0,
                    generated=0.0 if seen else STORED_SHARE * entry.weight / total,
                    category=entry.category, product_count=entry.product_count,
                )  # fmt: skip
