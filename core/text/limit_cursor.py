"""A place in the tokens of a query, and what stands there: an amount of money, a comparison, the end of a statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.text.amounts import MARKS_AFTER, MARKS_BEFORE, Token
from core.text.limit_words import (
    BY_FIRST,
    COUNTED,
    MONEY_MULTIPLES,
    MULTIPLES,
    ON,
    OR_LESS,
    OR_MORE,
    STARRED,
)


@dataclass(frozen=True, slots=True)
class Limit:
    """The tokens `start:end` state a range of `kind` (`price`, `rating`; both ends inclusive) or ask for `stock`.

    A price whose ends are equal is one that is named; one without ends was not typed to its end.
    """

    kind: str
    start: int
    end: int
    low: float | None = None
    high: float | None = None
    doubtful: bool = False  # a limit only where no title says these words beside their neighbour
    likely: bool = False  # and a currency or `around` makes that likelier: where hardly any does

    @property
    def is_about(self) -> bool:
        return self.low is not None and self.low == self.high

    @property
    def is_unfinished(self) -> bool:
        return self.kind == "price" and self.low is None and self.high is None


@dataclass(frozen=True, slots=True)
class Money:
    low: float
    high: float | None
    is_money: bool
    plus: bool
    end: int
    times: float = 1.0  # 1,000 for a `thousand` behind the number


class LimitCursor:
    """Reads around `start`. `later`: the statements that begin at each token, where they are known already."""

    def __init__(
        self, tokens: Sequence[Token], later: Sequence[Limit | None], start: int, names: Collection[str]
    ) -> None:
        self.tokens = tokens
        self.later = later
        self.start = start
        self.names = names

    def comparison(self, at: int) -> tuple[tuple[str, ...] | None, int]:
        for words in BY_FIRST.get(self.word(at), ()):
            if all(self.word(at + step) == word for step, word in enumerate(words)):
                return words, at + len(words)
        return None, at

    def money(self, at: int) -> Money | None:
        """An amount, or a range in one token, with the currency that stands before or after it."""
        marked = self.word(at).rstrip(".") in MARKS_BEFORE
        at += marked
        amount = self.tokens[at].amount if at < len(self.tokens) else None
        if amount is None:
            return None
        end = at + 1
        times = MULTIPLES.get(self.word(end), 1.0)
        if times > 1:
            marked, end = marked or self.word(end) in MONEY_MULTIPLES, end + 1
        if self.word(end) in MARKS_AFTER:
            marked, end = True, end + 1
        high = None if amount.high is None else times * amount.high
        return Money(times * amount.value, high, amount.is_money or marked, amount.plus, end, times)

    def number(self, at: int) -> tuple[float, bool, bool] | None:
        """A plain number, whether a plus follows it, and whether stars do: `4`, `4+`, `4-star`, `4★`."""
        starred = STARRED.fullmatch(self.word(at))
        if starred:
            return float(starred[1]), "+" in starred[0], True
        amount = self.tokens[at].amount if at < len(self.tokens) else None
        if amount is None or amount.is_money or amount.high is not None:
            return None
        return amount.value, amount.plus, False

    def or_less(self, at: int) -> int | None:
        return at + 2 if self.word(at) in ("or", "and", "&") and self.word(at + 1) in OR_LESS else None

    def or_more(self, at: int) -> int | None:
        if self.word(at) in ("or", "and", "&") and self.word(at + 1) in OR_MORE:
            return at + 2
        return at + 1 if self.word(at) in ("+", "up", "upwards") else None

    def ends(self, at: int) -> bool:
        """Whether the query ends at this token, goes on with a joining word, or with another statement."""
        return at >= len(self.tokens) or self.word(at) in ON or self.later[at] is not None

    def word(self, at: int) -> str:
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def before(self, at: int) -> str:
        return self.word(at - 1)

    def counts_nothing(self, at: int) -> bool:
        """Whether the word there is none that a number before it counts."""
        word = self.word(at)
        return bool(word) and word not in COUNTED and not any(map(str.isdigit, word))
