"""Where nothing that finds a product begins with what was typed: what remains when a word of it is left out."""

from collections.abc import Callable

from core.domain import Source
from core.retrieval.completions import Completions
from core.services.sources.beam import BeamSource
from core.services.sources.contract import Keystroke, Match, Pool
from core.services.sources.entries import add_entries
from core.services.typed import Typed

FEW = 3  # lines; with fewer, more is worth looking for
COST = 8.0  # nats: not what was typed, and behind everything that is
_READINGS = 3
_LEAST = 1e-4  # p of what is left by itself: better than nothing


class RelaxedSource:
    """Asked last of all, where there is a catalogue. `finds(text)`: how many products hold all words of it."""

    name = "relaxed"
    generates = True

    def __init__(self, completions: Completions, beam: BeamSource, finds: Callable[[str], int | None]) -> None:
        self._indexes = [index for index in completions.by_source.values() if len(index)]
        self._beam, self._finds = beam, finds

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool:
        return len(pool.candidates) < FEW and len(keystroke.typed.words) + bool(keystroke.typed.half) > 1

    def add(self, keystroke: Keystroke, pool: Pool) -> None:
        for reading in self._readings(keystroke.typed):
            if len(pool.candidates) >= keystroke.limit:
                break
            for index in self._indexes:
                entries = index.complete(reading.text, keystroke.limit, keystroke.allowed)[0]
                entries += index.matching(reading.words, reading.half, keystroke.limit)
                if keystroke.allowed is not None:
                    entries = [entry for entry in entries if entry.category in keystroke.allowed]
                total = sum(entry.weight for entry in entries)
                add_entries(pool, entries, Match.SPELLING, reading.text, cost=COST, generated_in_all=total)
            self._beam.complete(reading, keystroke, pool, Match.SPELLING, COST)
            if reading.words and reading.text.strip() != keystroke.typed.text.strip():
                whole = " ".join(reading.words)
                pool.add(whole, Source.HISTORY, Match.SPELLING, whole, cost=COST, generated=_LEAST)

    def _readings(self, typed: Typed) -> list[Typed]:
        """What was typed less one word, or less the half-typed one, that finds most; then single words that find."""
        parts = [(*typed.words[:at], *typed.words[at + 1 :]) for at in range(len(typed.words))]
        shorter = [Typed.of(words, typed.half) for words in parts if words or typed.half]
        if typed.half and typed.words:
            shorter.append(Typed.of(typed.words, ""))
        found = [(self._finds(" ".join(reading.words)) if reading.words else 1, reading) for reading in shorter]
        ranked = [reading for count, reading in sorted(found, key=lambda one: -(one[0] or 0)) if count]
        alone = [Typed.of((word,), "") for word in typed.words if self._finds(word)]
        half = [Typed.of((), typed.half)] if typed.half and typed.words else []
        return [*ranked[:_READINGS], *alone[:_READINGS], *half]
