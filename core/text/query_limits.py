"""Prices, ratings and stock that a query states outright: `under $50`, `from 20 to 50`, `4 stars and up`, `in stock`.

A wrong limit hides what the shopper wanted, so a doubtful one is none. A bare number is an amount of money only where
the statement ends there: `shoes under 50`, but not `under 18 games`, `under 5 pounds` or `under cabinet lighting`; a
round one also where no word after it says what it counts (`under 500 shirt`, `shirt 300-500`, `shirt upto 500`). Ages,
sizes and products whose names hold such words (`air max 90`) are told by the word before.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.text.amounts import MARKS_AFTER, MARKS_BEFORE, Token
from core.text.limit_words import (
    BY_FIRST,
    CHILDREN,
    COMPARISONS,
    COUNTED,
    FILLERS,
    FIRST,
    HIGHEST_RATING,
    JOINING,
    LARGEST,
    LEADING,
    MEASURED,
    MONEY_ONLY,
    NAMED_MAX,
    NOT,
    OF_AGE,
    OLDEST_CHILD,
    ON,
    ONE_DECIMAL,
    OR_LESS,
    OR_MORE,
    PEOPLE,
    PRICE_WORDS,
    RATED,
    ROUND_ONLY,
    STARRED,
    STARS,
    STOCK_CARS,
    STOCK_ENDS,
    YEARS,
)


@dataclass(frozen=True, slots=True)
class Limit:
    """The tokens `start:end` state a range of `kind` (`price`, `rating`; both ends inclusive) or ask for `stock`."""

    kind: str
    start: int
    end: int
    low: float | None = None
    high: float | None = None


def limits_of(tokens: Sequence[Token], names: Collection[str] = ()) -> list[Limit]:
    """What `tokens` state, from left to right, none within another.

    `names`: words that end the name of a brand; `max` after one is a product's (`voltane max 40`).
    """
    found: list[Limit | None] = [None] * len(tokens)
    for start in range(len(tokens) - 1, -1, -1):  # from the right: a statement may end where another begins
        token = tokens[start]
        if token.amount is None and token.text.rstrip(".") not in FIRST and not STARRED.fullmatch(token.text):
            continue
        reading = _Reading(tokens, found, start, names)
        found[start] = reading.stock() or reading.rating() or reading.price()
    limits: list[Limit] = []
    for limit in found:
        if limit is not None and (not limits or limit.start >= limits[-1].end):
            limits.append(limit)
    return limits


def with_joining(tokens: Sequence[Token], limit: Limit) -> range:
    """The tokens that go with `limit`: also a word before it that would join it to the rest (`gifts for under 50`)."""
    start = limit.start
    while start > 0 and tokens[start - 1].text in JOINING:
        start -= 1
    return range(start, limit.end)


@dataclass(frozen=True, slots=True)
class _Money:
    low: float
    high: float | None
    is_money: bool
    plus: bool
    end: int


class _Reading:
    """One attempt to read a statement that begins at `start`."""

    def __init__(
        self, tokens: Sequence[Token], later: Sequence[Limit | None], start: int, names: Collection[str]
    ) -> None:
        self._tokens = tokens
        self._later = later
        self._start = start
        self._names = names

    def stock(self) -> Limit | None:
        at = self._start
        if self._word(at) == "in" and self._word(at + 1) == "stock":
            end = at + 2
        elif self._word(at) == "in-stock" or (self._word(at) == "available" and self._word(at + 1) in STOCK_ENDS):
            end = at + 1
        elif self._word(at) == "currently" and self._word(at + 1) == "available":
            end = at + 2
        else:
            return None
        if self._before(at) in NOT:
            return None
        while self._word(end) in STOCK_ENDS:
            end += 1
        leads = at == 0 and self._word(end) not in STOCK_CARS
        return Limit("stock", at, end) if leads or self._ends(end) else None

    def rating(self) -> Limit | None:
        at = self._start
        said = self._word(at) in RATED
        if said:
            at += 2 if self._word(at + 1) in ("of", "at") else 1
        compared, at = self._comparison(at)
        if compared is not None and COMPARISONS[compared]:
            return None  # nobody asks for bad products
        number = self._number(at)
        if number is None:
            return None
        low, plus, stars = number
        end = at + 1
        for _ in range(2):  # `4 and up stars` as well as `4 stars and up`
            tail = self._or_more(end)
            if tail is not None:
                plus, end = True, tail
            if not stars and self._word(end).rstrip("+") in STARS:
                stars, plus, end = True, plus or self._word(end).endswith("+"), end + 1
        if stars and self._word(end) in RATED:
            end += 1
        certain = (stars and (said or plus or compared)) or (said and (plus or compared) and self._ends(end))
        if not certain or not 1 <= low <= HIGHEST_RATING or self._before(self._start) in NOT | {"energy", "bee"}:
            return None
        return Limit("rating", self._start, end, low)

    def price(self) -> Limit | None:
        at = self._start
        priced = self._word(at) in PRICE_WORDS
        if priced:
            at += 2 if self._word(at + 1) in ("is", "of", "range") else 1
        if self._before(self._start) in NOT:
            return None
        if self._word(at) in ("between", "from"):
            limit = self._between(at + 1, priced)
            if limit is not None:
                return limit
        compared, after = self._comparison(at)
        if compared is not None and self._word(after) in PRICE_WORDS:  # max price 50
            priced, after = True, after + 1
        money = self._money(after)
        if money is None:
            return None
        if compared is None:
            return self._without_comparison(money, priced)
        end = money.end
        sure = money.is_money or priced
        if money.high is not None or (compared in MONEY_ONLY and not sure):
            return None
        upper = COMPARISONS[compared]
        tail = self._or_less(end) if upper else self._or_more(end)
        end = end if tail is None else tail
        if self._word(end) in FILLERS:
            end += 1
        ends = self._ends(end) or (compared in LEADING and self._counts_nothing(end))
        if not sure and (not ends or self._counts_something(money.low, upper, compared)):
            return None
        if not sure and (compared in ROUND_ONLY or not self._ends(end)) and not _is_round(money.low):
            return None
        if not sure and ONE_DECIMAL.fullmatch(self._word(money.end - 1)):
            return None
        return self._limit(end, None if upper else money.low, money.low if upper else None)

    def _between(self, at: int, priced: bool) -> Limit | None:
        """`20 and 50`, `$20 to $50` or `20-50`, after `between` or `from`."""
        first = self._money(at)
        if first is None:
            return None
        second: _Money | None = first
        if first.high is None:
            if self._word(first.end) not in ("and", "to", "-"):
                return None
            second = self._money(first.end + 1)
        if second is None or (first.high is None and second.high is not None):
            return None
        low, high = first.low, second.low if first.high is None else first.high
        sure = first.is_money or second.is_money or priced
        if not sure and (not self._ends(second.end) or self._before(self._start) in MEASURED | PEOPLE):
            return None
        if not sure and low in YEARS and high in YEARS:
            return None
        return self._limit(second.end, low, high)

    def _without_comparison(self, money: _Money, priced: bool) -> Limit | None:
        """`$20 - $50`, `20-50 dollars`, `$50 and under`, `$100+`."""
        if money.high is not None:
            sure = money.is_money or priced or self._is_bare_range(money.low, money.high, money.end, 100)
            return self._limit(money.end, money.low, money.high) if sure else None
        if self._word(money.end) in ("-", "to"):
            second = self._money(money.end + 1)
            if second is not None and second.high is None:
                step = 50 if self._word(money.end) == "to" else 100  # `insert 200-250` is a model
                sure = money.is_money or second.is_money or priced
                if sure or self._is_bare_range(money.low, second.low, second.end, step):
                    return self._limit(second.end, money.low, second.low)
        if not money.is_money and not priced:
            return None
        less, more = self._or_less(money.end), self._or_more(money.end)
        if less is not None:
            return self._limit(less, None, money.low)
        if more is not None or money.plus:
            return self._limit(more or money.end, money.low, None)
        return None

    def _is_bare_range(self, low: float, high: float, end: int, step: int) -> bool:
        """Whether two bare numbers at the end of a query are round enough, by multiples of `step`, to be prices."""
        if min(low, high) < 100 or low % step or high % step or (low in YEARS and high in YEARS):
            return False
        return self._start > 0 and self._ends(end) and self._before(self._start) not in MEASURED | PEOPLE

    def _limit(self, end: int, low: float | None, high: float | None) -> Limit | None:
        sensible = all(bound is None or 0 < bound < LARGEST for bound in (low, high))
        if not sensible or (low is not None and high is not None and low > high):
            return None
        return Limit("price", self._start, end, low, high)

    def _counts_something(self, number: float, upper: bool, compared: tuple[str, ...]) -> bool:
        """Whether the words before say that the bare number is an age, a size or part of a name."""
        before = self._before(self._start)
        if before == "for":
            before = self._before(self._start - 1) or before
        if before in MEASURED or number in OF_AGE:
            return True
        if compared in (("max",), ("maximum",)):
            return before in NAMED_MAX or before in self._names or before == ""
        if before in CHILDREN and number <= OLDEST_CHILD:
            return True
        return before in PEOPLE and not upper and number < 100

    def _counts_nothing(self, at: int) -> bool:
        """Whether the word there is none that a number before it counts."""
        word = self._word(at)
        return word.isalpha() and word not in COUNTED

    def _comparison(self, at: int) -> tuple[tuple[str, ...] | None, int]:
        for words in BY_FIRST.get(self._word(at), ()):
            if all(self._word(at + step) == word for step, word in enumerate(words)):
                return words, at + len(words)
        return None, at

    def _money(self, at: int) -> _Money | None:
        """An amount, or a range in one token, with the currency that stands before or after it."""
        marked = self._word(at).rstrip(".") in MARKS_BEFORE
        at += marked
        amount = self._tokens[at].amount if at < len(self._tokens) else None
        if amount is None:
            return None
        end = at + 1
        if self._word(end) in MARKS_AFTER:
            marked, end = True, end + 1
        return _Money(amount.value, amount.high, amount.is_money or marked, amount.plus, end)

    def _number(self, at: int) -> tuple[float, bool, bool] | None:
        """A plain number, whether a plus follows it, and whether stars do: `4`, `4+`, `4-star`, `4★`."""
        starred = STARRED.fullmatch(self._word(at))
        if starred:
            return float(starred[1]), "+" in starred[0], True
        amount = self._tokens[at].amount if at < len(self._tokens) else None
        if amount is None or amount.is_money or amount.high is not None:
            return None
        return amount.value, amount.plus, False

    def _or_less(self, at: int) -> int | None:
        return at + 2 if self._word(at) in ("or", "and", "&") and self._word(at + 1) in OR_LESS else None

    def _or_more(self, at: int) -> int | None:
        if self._word(at) in ("or", "and", "&") and self._word(at + 1) in OR_MORE:
            return at + 2
        return at + 1 if self._word(at) in ("+", "up", "upwards") else None

    def _ends(self, at: int) -> bool:
        """Whether the query ends at this token, goes on with a joining word, or with another statement."""
        return at >= len(self._tokens) or self._word(at) in ON or self._later[at] is not None

    def _word(self, at: int) -> str:
        return self._tokens[at].text if 0 <= at < len(self._tokens) else ""

    def _before(self, at: int) -> str:
        return self._word(at - 1)


def _is_round(number: float) -> bool:
    """500, 1450, 499: what a limit of price looks like."""
    return number >= 100 and (number % 50 == 0 or number % 100 == 99)
