"""Words that wish for low or high prices and good ratings without a number: `cheap`, `premium`, `top rated`."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.domain import PartKind


class Wish(Enum):
    LOW_PRICE = "lower prices"
    HIGH_PRICE = "higher prices"
    WELL_RATED = "good ratings"


@dataclass(frozen=True, slots=True)
class WishWords:
    """`is_optional`: the words say nothing that a product's text need hold."""

    wish: Wish
    is_optional: bool

    @property
    def is_price(self) -> bool:
        return self.wish is not Wish.WELL_RATED

    @property
    def kind(self) -> PartKind:
        return PartKind.PRICE if self.is_price else PartKind.RATING

    @property
    def value(self) -> str:
        return self.wish.value


_PHRASES = {
    Wish.LOW_PRICE: """
        cheap|cheapest|cheaper|budget|budget friendly|affordable|inexpensive|economical|low cost|low price|low priced
        |lowest price|lowest priced|good price|on a budget
    """,
    Wish.HIGH_PRICE: "premium|luxury|luxurious|high end|expensive|upscale|deluxe",
    Wish.WELL_RATED: """
        best|best quality|good quality|top quality
        |top rated|best rated|highly rated|high rated|highest rated|well rated
        |top reviewed|best reviewed|highly reviewed
        |well reviewed
    """,
}
_WISHES = {
    tuple(phrase.split()): WishWords(wish, wish is not Wish.HIGH_PRICE)  # `premium` is what titles say, too
    for wish, phrases in _PHRASES.items()
    for phrase in " ".join(phrases.split()).split("|")
}
WISHES = frozenset(words[0] for words in _WISHES)
"""The words that such a wish begins with."""

_BUDGET_BOOKS = frozenset("planner planners book books binder binders tracker notebook journal sheet sheets".split())  # noqa: SIM905


def wish_at(atoms: Sequence[str]) -> tuple[WishWords | None, int]:
    """The wish that `atoms` (of a query, from some place on) begin with and the number of its words; None and 0."""
    for length in range(min(3, len(atoms)), 0, -1):
        wish = _WISHES.get(tuple(atoms[:length]))
        if wish is not None and not (atoms[0] == "budget" and set(atoms[length : length + 1]) & _BUDGET_BOOKS):
            return wish, length
    return None, 0
