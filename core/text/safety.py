"""What no shop wants to say by itself: texts that are withheld from suggestions, and from what suggestions learn from.

A list holds phrases, one on each line, in any case and spelling that `normalize` makes equal. A phrase withholds every
text in which its words stand side by side: `nude` withholds `nude pictures`, and not `nudefarben`. A line that begins
with `!` lets texts with such words pass, whatever else they hold: `!nude lipstick`. A shop's own file adds to the list
that comes along, which is short on purpose: words that name something nobody looks for by chance.

    # comments and blank lines are fine
    escort service
    !escort brake pads
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputFileError
from core.text.normalize import normalize

BUILT_IN = Path(__file__).with_name("unsafe_phrases.txt")
_MOST_LINES = 100_000

_Phrases = Mapping[str, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True)
class SafetyList:
    """Made by `SafetyList.of`; the default withholds nothing. Safe to share between threads."""

    withheld: _Phrases = field(default_factory=dict)  # by their first words
    allowed: _Phrases = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[str]) -> "SafetyList":
        """From the lines of lists; a phrase that is both withheld and allowed is allowed."""
        phrases: dict[bool, dict[str, set[tuple[str, ...]]]] = {True: defaultdict(set), False: defaultdict(set)}
        for line in lines:
            text = line.strip()
            if text.startswith("#"):
                continue
            words = tuple(normalize(text.removeprefix("!")).split())
            if words:
                phrases[text.startswith("!")][words[0]].add(words)
        withheld, allowed = (
            {word: tuple(sorted(some)) for word, some in phrases[kind].items()} for kind in (False, True)
        )
        return cls(withheld, allowed)

    def reason(self, text: str) -> str | None:
        """The phrase because of which the normalised `text` is withheld; None: it is not."""
        if not self.withheld:
            return None
        words = text.split()
        found = _first(self.withheld, words)
        return None if found is None or _first(self.allowed, words) is not None else " ".join(found)


def read_safety_list(own: Path | None) -> SafetyList:
    """The list that comes along with the shop's `own` lines.

    Raises InputFileError for a file that is no UTF-8 text, or has more than 100,000 lines.
    """
    lines = BUILT_IN.read_text(encoding="utf-8").splitlines()
    if own is not None:
        try:
            mine = own.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputFileError(f"{own} cannot be read as a list of phrases: {error}") from error
        if len(mine) > _MOST_LINES:
            raise InputFileError(f"{own} has {len(mine):,} lines; {_MOST_LINES:,} are the most that are read")
        lines += mine
    return SafetyList.of(lines)


def _first(phrases: _Phrases, words: list[str]) -> tuple[str, ...] | None:
    """The first of the phrases that stands in a text of these words."""
    if phrases:
        for place, word in enumerate(words):
            for phrase in phrases.get(word, ()):
                if tuple(words[place : place + len(phrase)]) == phrase:
                    return phrase
    return None
