"""Queries that hold the typed words in any order and in any place: `shoes red` finds `red running shoes`."""

from core.retrieval.completions import Completions
from core.services.sources.contract import Keystroke, Match, Pool
from core.services.sources.entries import add_entries

COST = 3.5  # nats: one shopper in thirty types the words of a query in another order, or leaves the first ones out
_SHORTEST = 3  # characters: a letter or two stand in the middle of everything


class WordsSource:
    """Asked where too little begins with what was typed."""

    name = "words"
    generates = False

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
            add_entries(pool, entries, Match.WORDS, typed.text, cost=COST, generated_in_all=total)
