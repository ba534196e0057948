"""Corrections of what was typed: whole words, and words still being typed.

Optimal string alignment (a swap of neighbours is one edit) against the words that the shop knows. A half-typed word is
compared with the distinct beginnings of the known words, so `dirll b` and `dri` are handled by the same search.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rapidfuzz import process
from rapidfuzz.distance import OSA


@dataclass(frozen=True, slots=True)
class Correction:
    """A known word, or beginning of one, near what was typed; `edits` ≥ 1."""

    text: str
    edits: int
    weight: float


def allowed_edits(word: str) -> int:
    """How many edits a word of this length may be away: none up to two characters, one up to five, then two."""
    if len(word) <= 2 or any(character.isdigit() for character in word):
        return 0
    return 1 if len(word) <= 5 else 2


@dataclass
class Corrector:
    """Built from words and how often they occur."""

    counts: Mapping[str, float]
    _beginnings: dict[int, dict[str, float]] = field(init=False, default_factory=dict)
    _by_length: dict[int, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for word, count in self.counts.items():
            if len(word) > 2 and word.isalpha():
                self._by_length.setdefault(len(word), []).append(word)
                for length in range(3, len(word) + 1):
                    beginnings = self._beginnings.setdefault(length, {})
                    beginnings[word[:length]] = beginnings.get(word[:length], 0.0) + count
        self._beginning_lists = {length: list(known) for length, known in self._beginnings.items()}

    def words(self, typed: str, limit: int = 3) -> list[Correction]:
        """Known words within the allowed edits of the complete word `typed`, nearest first, then most frequent."""
        found = self._near(typed, self._by_length)
        ranked = sorted(
            (Correction(text, edits, self.counts[text]) for text, edits in found),
            key=lambda correction: (correction.edits, -correction.weight, correction.text),
        )
        return ranked[:limit]

    def beginnings(self, typed: str, limit: int = 3) -> list[Correction]:
        """Beginnings of known words within the allowed edits of the half-typed word `typed`."""
        found = self._near(typed, self._beginning_lists)
        ranked = sorted(
            (Correction(text, edits, self._beginnings[len(text)][text]) for text, edits in found),
            # Beginnings as long as what was typed say most; longer ones guess, shorter ones forget.
            key=lambda correction: (correction.edits, -correction.weight, correction.text),
        )
        kept: list[Correction] = []
        for correction in ranked:  # `drill` adds nothing beside `dril`
            if not any(
                correction.text.startswith(other.text) or other.text.startswith(correction.text) for other in kept
            ):
                kept.append(correction)
        return kept[:limit]

    def _near(self, typed: str, by_length: Mapping[int, list[str]]) -> list[tuple[str, int]]:
        edits = allowed_edits(typed)
        found: list[tuple[str, int]] = []
        for length in range(len(typed) - edits, len(typed) + edits + 1):
            matches = process.extract(
                typed, by_length.get(length, []), scorer=OSA.distance, score_cutoff=edits, limit=None
            )
            found += [(text, int(distance)) for text, distance, _ in matches if distance]
        if edits == 2 and any(distance == 1 for _, distance in found):
            return [(text, distance) for text, distance in found if distance == 1]
        return found
