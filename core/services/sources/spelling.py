"""Completions of what may have been meant: each word that no one knows becomes its nearest known ones."""

from core.domain import Source
from core.retrieval.completions import Completions
from core.services.corrections import KnownWords, readings
from core.services.sources.beam import BeamSource
from core.services.sources.contract import Keystroke, Match, Pool
from core.services.sources.entries import add_entries
from core.services.sources.near import SLIP
from core.text.correct import Corrector

_EDIT = 3.0  # nats an edit


class SpellingSource:
    """Asked last, where a typed word is unknown and the list is not full."""

    name = "spelling"
    generates = True

    def __init__(self, completions: Completions, known: KnownWords, corrector: Corrector, beam: BeamSource) -> None:
        self._index = completions.by_source[Source.HISTORY]
        self._known, self._corrector, self._beam = known, corrector, beam

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool:
        return len(pool.candidates) < keystroke.limit

    def add(self, keystroke: Keystroke, pool: Pool) -> None:
        for reading in readings(keystroke.typed, self._known, self._corrector):
            if len(pool.candidates) >= keystroke.limit:
                break
            cost = SLIP + _EDIT * reading.edits
            entries, _ = self._index.complete(reading.typed.text, keystroke.limit, keystroke.allowed)
            add_entries(pool, entries, Match.SPELLING, reading.typed.text, cost=cost)
            if len(entries) < keystroke.limit:
                self._beam.complete(reading.typed, keystroke, pool, Match.SPELLING, cost)
