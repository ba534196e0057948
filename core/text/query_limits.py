"""Prices, ratings and stock that a query states outright: `under $50`, `from 20 to 50`, `4 stars and up`, `in stock`.

A wrong limit hides what the shopper wanted, so a doubtful one is none. A bare number is an amount of money only where
the statement ends there: `shoes under 50`, but not `under 18 games`, `under 5 pounds` or `under cabinet lighting`; a
round one also where no word after it says what it counts (`under 500 shirt`, `shirt 300-500`, `shirt upto 500`). Ages,
sizes and products whose names hold such words (`air max 90`) are told by the word before.

Some statements are certain only for who knows the products: `shirt 500`, `₹500 shirt`, `from 500`, `5000+` are prices,
and `backpack 4 star` a rating, where no title says so. They come as `doubtful`, and whoever reads them settles that.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from core.text.amounts import Token
from core.text.limit_cursor import Limit, LimitCursor, Money
from core.text.limit_words import (
    ABOUT,
    CHILDREN,
    COMPARISONS,
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
    ONE_DECIMAL,
    PEOPLE,
    PRICE_WORDS,
    RATED,
    ROUND_ONLY,
    SAID,
    STARRED,
    STARS,
    STOCK_CARS,
    STOCK_ENDS,
    UNFINISHED,
    YEARS,
)


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


class _Reading(LimitCursor):
    """One attempt to read a statement that begins at `start`."""

    def stock(self) -> Limit | None:
        at = self.start
        if self.word(at) == "in" and self.word(at + 1) == "stock":
            end = at + 2
        elif self.word(at) == "in-stock" or (self.word(at) == "available" and self.word(at + 1) in STOCK_ENDS):
            end = at + 1
        elif self.word(at) == "currently" and self.word(at + 1) == "available":
            end = at + 2
        else:
            return None
        if self.before(at) in NOT:
            return None
        while self.word(end) in STOCK_ENDS:
            end += 1
        leads = at == 0 and self.word(end) not in STOCK_CARS
        return Limit("stock", at, end) if leads or self.ends(end) else None

    def rating(self) -> Limit | None:
        at = self.start
        said = self.word(at) in RATED
        if said:
            at += 2 if self.word(at + 1) in ("of", "at") else 1
        compared, at = self.comparison(at)
        if compared is not None and COMPARISONS[compared]:
            return None  # nobody asks for bad products
        number = self.number(at)
        if number is None:
            return None
        low, plus, stars = number
        end = at + 1
        for _ in range(2):  # `4 and up stars` as well as `4 stars and up`
            tail = self.or_more(end)
            if tail is not None:
                plus, end = True, tail
            if not stars and self.word(end).rstrip("+") in STARS:
                stars, plus, end = True, plus or self.word(end).endswith("+"), end + 1
        if stars and self.word(end) in RATED:
            end += 1
        if plus and not said and self.word(end) in RATED:  # 4+ rated
            said, end = True, end + 1
        ends = self.ends(end) or (self.start == 0 and self.counts_nothing(end))
        certain = (stars and (said or plus or compared)) or (said and (plus or compared) and ends)
        likely = (stars or self.word(self.start).startswith("rat")) and ends and low < HIGHEST_RATING
        if not 1 <= low <= HIGHEST_RATING or self.before(self.start) in NOT | {"energy", "bee"}:
            return None
        return Limit("rating", self.start, end, low, doubtful=not certain) if certain or likely else None

    def price(self) -> Limit | None:
        at = self.start
        priced = self.word(at) in PRICE_WORDS
        if priced:
            at += 2 if self.word(at + 1) in ("is", "of", "range") else 1
        if self.before(self.start) in NOT:
            return None
        if self.word(at) in ("between", "from"):
            limit = self._between(at + 1, priced)
            if limit is not None:
                return limit
        if self.word(at) in ABOUT:
            return self._about(at + 1, priced)
        compared, after = self.comparison(at)
        if compared in UNFINISHED and after == len(self.tokens) and at > 0:
            return Limit("price", self.start, after)
        if compared is not None and self.word(after) in PRICE_WORDS:  # max price 50
            priced, after = True, after + 1
        money = self.money(after)
        if money is None:
            return None
        if compared is None:
            return self._without_comparison(money, priced) or self._named(money, priced)
        end = money.end
        sure = money.is_money or priced
        if money.high is not None:
            return None
        if compared in MONEY_ONLY and not sure:
            return self._doubtful(end, money.low, None) if self._may_be_a_price(money, end) else None
        upper = COMPARISONS[compared]
        tail = self.or_less(end) if upper else self.or_more(end)
        end = end if tail is None else tail
        if self.word(end) in FILLERS:
            end += 1
        ends = self.ends(end) or (compared in LEADING and self.counts_nothing(end))
        if not sure and (not ends or self._counts_something(money.low, upper, compared)):
            return None
        if not sure and (compared in ROUND_ONLY or not self.ends(end)) and not _is_round(money.low):
            return None
        if not sure and ONE_DECIMAL.fullmatch(self.word(money.end - 1)):
            return None
        return self._limit(end, None if upper else money.low, money.low if upper else None)

    def _between(self, at: int, priced: bool) -> Limit | None:
        """`20 and 50`, `$20 to $50` or `20-50`, after `between` or `from`."""
        first = self.money(at)
        if first is None:
            return None
        second: Money | None = first
        if first.high is None:
            if self.word(first.end) not in ("and", "to", "-"):
                return None
            second = self.money(first.end + 1)
        if second is None or (first.high is None and second.high is not None):
            return None
        low, high = _like(first, second), second.low if first.high is None else first.high
        sure = first.is_money or second.is_money or priced
        if not sure and (not self.ends(second.end) or self.before(self.start) in MEASURED | PEOPLE):
            return self._doubtful_range(low, high, second.end)
        if not sure and low in YEARS and high in YEARS:
            return None
        return self._limit(second.end, low, high)

    def _without_comparison(self, money: Money, priced: bool) -> Limit | None:
        """`$20 - $50`, `20-50 dollars`, `$50 and under`, `$100+`."""
        if money.high is not None:
            sure = money.is_money or priced or self._is_bare_range(money.low, money.high, money.end, 100)
            known = self._limit(money.end, money.low, money.high) if sure else None
            return known or self._doubtful_range(money.low, money.high, money.end)
        if self.word(money.end) in ("-", "to"):
            second = self.money(money.end + 1)
            if second is not None and second.high is None:
                step = 50 if self.word(money.end) == "to" else 100  # `insert 200-250` is a model
                sure = money.is_money or second.is_money or priced
                low = _like(money, second)
                if sure or self._is_bare_range(low, second.low, second.end, step):
                    return self._limit(second.end, low, second.low)
                return self._doubtful_range(low, second.low, second.end)
        if not money.is_money and not priced:
            return None
        less, more = self.or_less(money.end), self.or_more(money.end)
        if less is not None:
            return self._limit(less, None, money.low)
        if more is not None or money.plus:
            return self._limit(more or money.end, money.low, None)
        return None

    def _about(self, at: int, priced: bool) -> Limit | None:
        """`around 500`, `about $20`."""
        money = self.money(at)
        if money is None or money.high is not None:
            return None
        if money.is_money or priced:
            return self._limit(money.end, money.low, money.low)
        limit = self._doubtful(money.end, money.low, money.low) if self._may_be_a_price(money, money.end) else None
        return replace(limit, likely=True) if limit else None

    def _named(self, money: Money, priced: bool) -> Limit | None:
        """An amount alone: `₹500 shirt`, `shirt 500`, `wallet 5000+`."""
        if money.high is not None:
            return None
        if priced:
            return self._limit(money.end, money.low, money.low)
        if money.is_money:
            limit = self._doubtful(money.end, money.low, money.low)
            return replace(limit, likely=True) if limit else None
        if self.start == 0 or money.end < len(self.tokens) or not self._may_be_a_price(money, money.end):
            return None
        return self._doubtful(money.end, money.low, None if money.plus else money.low)

    def _may_be_a_price(self, money: Money, end: int) -> bool:
        """Whether a bare number is a round one that ends the query or counts nothing, and is no year, age or size."""
        if not _is_round(money.low) or (money.low in YEARS and money.low % 500):
            return False
        before = self.before(self.start)
        if before in MEASURED | PEOPLE | SAID - PRICE_WORDS or before in self.names:
            return False
        if any(map(str.isdigit, before)):
            return False
        return self.ends(end) or self.counts_nothing(end)

    def _doubtful(self, end: int, low: float | None, high: float | None) -> Limit | None:
        limit = self._limit(end, low, high)
        return replace(limit, doubtful=True) if limit else None

    def _doubtful_range(self, low: float, high: float, end: int) -> Limit | None:
        """Two round numbers that count nothing: `500-1000 shoes`, `between 500 and 1000 shoes`."""
        if not (_is_round(low) and _is_round(high)) or (low in YEARS and high in YEARS):
            return None
        if self.before(self.start) in MEASURED | PEOPLE or not (self.ends(end) or self.counts_nothing(end)):
            return None
        return self._doubtful(end, low, high)

    def _is_bare_range(self, low: float, high: float, end: int, step: int) -> bool:
        """Whether two bare numbers at the end of a query are round enough, by multiples of `step`, to be prices."""
        if min(low, high) < 100 or low % step or high % step or (low in YEARS and high in YEARS):
            return False
        return self.start > 0 and self.ends(end) and self.before(self.start) not in MEASURED | PEOPLE

    def _limit(self, end: int, low: float | None, high: float | None) -> Limit | None:
        sensible = all(bound is None or 0 < bound < LARGEST for bound in (low, high))
        if not sensible or (low is not None and high is not None and low > high):
            return None
        return Limit("price", self.start, end, low, high)

    def _counts_something(self, number: float, upper: bool, compared: tuple[str, ...]) -> bool:
        """Whether the words before say that the bare number is an age, a size or part of a name."""
        before = self.before(self.start)
        if before == "for":
            before = self.before(self.start - 1) or before
        if before in MEASURED or number in OF_AGE:
            return True
        if compared in (("max",), ("maximum",)):
            return before in NAMED_MAX or before in self.names or before == ""
        if before in CHILDREN and number <= OLDEST_CHILD:
            return True
        return before in PEOPLE and not upper and number < 100


def _like(first: Money, second: Money) -> float:
    """The lower end of `1 to 2 lakh`."""
    meant = first.low * second.times
    return meant if first.times == 1 < second.times and meant < second.low else first.low


def _is_round(number: float) -> bool:
    """500, 1450, 499: what a limit of price looks like."""
    return number >= 100 and (number % 50 == 0 or number % 100 == 99)
