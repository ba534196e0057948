"""Completions of what is one edit away from what was typed, the first letter and a missing space included."""

import math

from core.domain import Source
from core.retrieval.completions import Completions
from core.services.sources.contract import Keystroke, Match, Pool
from core.services.sources.entries import add_entries

SLIP = 2.0  # nats: one prefix in seven holds a slip of the hand, as far as it shows; which one, costs more
ENOUGH = 50.0  # completions that begin literally so: a slip is then unlikely
_SHORTEST = 3  # characters: with fewer, everything is near everything
_READINGS = 8


class NearSource:
    """Asked where few completions begin with what was typed."""

    name = "near"
    generates = False

    def __init__(self, completions: Completions) -> None:
        self._index, self._prefixes = completions.by_source[Source.HISTORY], completions.fuzzy

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool:
        return len(keystroke.typed.text.strip()) >= _SHORTEST and pool.seen < ENOUGH

    def add(self, keystroke: Keystroke, pool: Pool) -> None:
        typed = keystroke.typed.text
        for near in self._prefixes.near(typed, _READINGS):
            if pool.candidates and typed.startswith(near.text):
                continue  # one letter less is no slip where queries begin with what was typed
            cost = SLIP + near.cost
            entries, total = self._index.complete(near.text, keystroke.limit, keystroke.allowed)
            pool.seen += total * math.exp(-cost)
            others = (entry for entry in entries if not entry.text.startswith(typed))
            add_entries(pool, others, Match.NEAR, near.text, cost=cost)
