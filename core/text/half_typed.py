"""Searches that were only on the way to another one.

A storefront that searches while typing calls `/search` on every keystroke: `r`, `ru`, `run`, … are no queries that
anybody completed. What the same shopper goes on typing within seconds is half-typed. Whoever refines a finished query
that fast (`shoes`, `shoes red`) loses its first form to this rule; other shoppers' searches teach it.
"""

from datetime import datetime, timedelta

HALF_TYPED = timedelta(seconds=15)  # longer than a pause for thought between two letters, shorter than reading a list


def is_half_typed(text: str, at: datetime, next_text: str, next_at: datetime) -> bool:
    """Whether the search for `text` was extended literally by the shopper's next one, soon enough; both normalised."""
    extended = len(next_text) > len(text) and next_text.startswith(text)
    return extended and timedelta() <= next_at - at <= HALF_TYPED
