"""What operators forbid and put first. Rules are few and keystrokes are many, so everything is looked up, not searched.

Blocks: `exact` forbids one query, `contains` every query in which all its words occur, in any order.

Pins: a pin stands before everything else wherever what is typed begins with the pin's prefix and the pinned text
completes it: it starts with what is typed, or holds all typed words, the last one perhaps half-typed. So a pin of
`gaming laptop` for `ga` shows for `ga`, `gam` and `gaming l`, not for `g` and not for `garden`. Exactly at its prefix
it shows whatever the text is: `notebook` may be pinned to `laptop`. A pin without prefix shows wherever its text
completes what is typed, though never in an empty box. A block outdoes a pin, and so does the safety list
(`core.text.safety`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.text.safety import SafetyList


@dataclass(frozen=True, slots=True)
class Pin:
    """`text` and `prefix` are normalised; `position` is 1-based: pins of one list stand in its order."""

    text: str
    prefix: str = ""
    position: int = 1


@dataclass(frozen=True, slots=True)
class SuggestionRules:
    """Made by `SuggestionRules.of`; the default holds no rule. Safe to share between threads."""

    exact: frozenset[str] = frozenset()
    containing: Mapping[str, tuple[frozenset[str], ...]] = field(default_factory=dict)  # by their first words
    pinned: Mapping[str, tuple[Pin, ...]] = field(default_factory=dict)  # by their prefixes
    safety: SafetyList = field(default_factory=SafetyList)

    @classmethod
    def of(
        cls,
        exact: Iterable[str] = (),
        containing: Iterable[str] = (),
        pins: Iterable[Pin] = (),
        safety: SafetyList | None = None,
    ) -> "SuggestionRules":
        """The rules for blocked queries, blocked words and pins, all of them normalised, and what is withheld."""
        by_first_word: dict[str, list[frozenset[str]]] = defaultdict(list)
        for text in containing:
            words = text.split()
            by_first_word[words[0]].append(frozenset(words))
        safety = safety or SafetyList()
        blocks = cls(frozenset(exact), {word: tuple(sets) for word, sets in by_first_word.items()}, safety=safety)
        by_prefix: dict[str, list[Pin]] = defaultdict(list)
        for pin in pins:
            if not blocks.blocks(pin.text):
                by_prefix[pin.prefix].append(pin)
        pinned = {prefix: tuple(some) for prefix, some in by_prefix.items()}
        return cls(blocks.exact, blocks.containing, pinned, safety)

    def blocks(self, text: str) -> bool:
        """Whether the normalised `text` must not be suggested."""
        if text in self.exact or self.safety.reason(text) is not None:
            return True
        if not self.containing:
            return False
        words = frozenset(text.split())
        return any(rule <= words for word in words for rule in self.containing.get(word, ()))

    def pins(self, prefix: str) -> tuple[str, ...]:
        """What stands first for a normalised prefix (a blank at its end completes the last word), in this order."""
        if not self.pinned or not prefix.strip():
            return ()
        typed = prefix.rstrip()
        found = [
            pin
            for end in range(len(typed) + 1)
            for pin in self.pinned.get(typed[:end], ())
            if end == len(typed) or _completes(pin.text, prefix)
        ]
        found.sort(key=lambda pin: pin.position)  # stable: of equal places, the wider prefix and the older rule first
        return tuple(dict.fromkeys(pin.text for pin in found))


def _completes(text: str, prefix: str) -> bool:
    """Whether `text` starts with `prefix` or holds all its words, the last one perhaps half-typed."""
    if text.startswith(prefix) or text == prefix.rstrip():
        return True
    words, typed = text.split(), prefix.split()
    whole = typed if prefix.endswith(" ") else typed[:-1]
    return set(whole) <= set(words) and any(word.startswith(typed[-1]) for word in words)
