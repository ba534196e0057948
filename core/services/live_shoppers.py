"""Which shoppers completed which query since the served version was learnt. Each counts once a query, at its last time.

About 100 bytes a shopper and query: a million completions between two trainings take 100 MB.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.text.half_typed import HALF_TYPED, is_half_typed

_LAST_KEPT = 10_000  # shoppers whose last search is remembered before those that cannot be typing any more are dropped
_NOBODY: Mapping[int, float] = {}


@dataclass(frozen=True, slots=True)
class _Last:
    text: str
    at: datetime
    before: float | None  # when the shopper had completed this text before this burst of typing


class LiveShoppers:
    """Fed with completed searches, in the order in which they occurred wherever that is known."""

    def __init__(self) -> None:
        self._times: dict[str, dict[int, float]] = {}
        self._last: dict[int, _Last] = {}

    def __iter__(self) -> Iterator[str]:
        """The texts that somebody completed."""
        return iter(self._times)

    def of(self, text: str) -> Mapping[int, float]:
        """When each shopper completed `text` last, in Unix seconds; shoppers are numbers without meaning."""
        return self._times.get(text, _NOBODY)

    def complete(self, text: str, shopper: str, at: datetime) -> list[str]:
        """Counts a search, and takes back the shopper's search before it if that was only half-typed.

        Returns the texts that this concerns.
        """
        who = hash(shopper)  # a number instead of 64 characters; two that collide among 2⁶⁴ do no harm
        last, known = self._last.get(who), self.of(text).get(who)
        touched = [text]
        if last is None or at >= last.at:  # one that comes in late, out of order, says nothing about the last one
            # The same keystroke may be recorded twice, by /search and by /engagement.
            same = last is not None and last.text == text and at - last.at <= HALF_TYPED
            before = last.before if last is not None and same else known
            if last is not None and is_half_typed(last.text, last.at, text, at):
                self._set(last.text, who, last.before)
                touched.append(last.text)
            self._remember(who, _Last(text, at, before))
        self._set(text, who, at.timestamp() if known is None else max(known, at.timestamp()))
        return touched

    def _set(self, text: str, who: int, at: float | None) -> None:
        """The shopper completed `text` at that time; None: never."""
        if at is not None:
            self._times.setdefault(text, {})[who] = at
        elif text in self._times:
            self._times[text].pop(who, None)
            if not self._times[text]:
                del self._times[text]

    def _remember(self, who: int, last: _Last) -> None:
        self._last.pop(who, None)  # the dictionary stays in the order of the searches
        self._last[who] = last
        if len(self._last) > _LAST_KEPT:
            for other in list(self._last)[: _LAST_KEPT // 10]:
                if last.at - self._last[other].at > 2 * HALF_TYPED:
                    del self._last[other]
