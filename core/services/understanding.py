"""Query understanding: prices, ratings, stock, brands, colours, sizes and other values that a query speaks of.

What a shopper states outright (`under $50`, `4 stars and up`, `in stock`) becomes a filter and leaves the searched
text, where the catalogue knows that field of most products and something is left to search. A price or rating that is
only likely meant (`shirt 500`, `backpack 4 star`) leaves it too, but removes no product: what fits goes up. Everything
else is a preference whose words stay, and ranking takes it as a feature.

Titles settle what is likely: `500` is a price behind `shirt`, and a part of the name where a title says both in a row.
Limits on what the catalogue mostly does not know are ignored: their words go too, unless a title says them so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.domain import PartKind, PartUse, SearchFilters, UnderstoodPart
from core.retrieval.columns import UNKNOWN_STOCK, FloatArray, ProductColumns
from core.services.preferences import Preference
from core.services.value_phrases import Meaning, ValuePhrases, value_phrases
from core.text.amounts import Token, tokens_of
from core.text.limit_cursor import Limit
from core.text.limit_words import UNFINISHED
from core.text.normalize import normalize
from core.text.phrase_key import atoms_of
from core.text.query_limits import limits_of, with_joining
from core.text.query_wishes import WISHES, wish_at
from core.text.titles import JOINERS

_KNOWN_ENOUGH = 0.5  # of the products; below that a filter would hide more unknown ones than unwanted ones

_NAMES = 0.02  # of the products that hold a word say an amount of money beside it, where that is part of a name
_LIMITS_WITHOUT_NUMBER = {"stock", "in-stock", "available", *(words[-1] for words in UNFINISHED)}

Typed = list[tuple[int, str]]
"""For each word the piece of the query that holds it, as typed, with its place: one piece may hold several words."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A query as it was read."""

    text: str  # normalised: what is left to search
    filters: SearchFilters = field(default_factory=SearchFilters)
    preferences: tuple[Preference, ...] = ()
    parts: tuple[UnderstoodPart, ...] = ()  # in the order typed
    optional: frozenset[str] = frozenset()  # words of `text` that no product need hold: `cheap`, `top`, `rated`

    def beside(self, own: SearchFilters) -> "Understood":
        """The same with the request's `own` filters joined in: where these speak of a field, what was read goes."""
        price = own.price_min is not None or own.price_max is not None
        settled = {
            kind
            for kind, said in (
                (PartKind.PRICE, price),
                (PartKind.RATING, own.rating_min is not None),
                (PartKind.STOCK, own.in_stock is not None),
            )
            if said
        }
        read = self.filters
        filters = replace(
            own,
            price_min=own.price_min if price else read.price_min,
            price_max=own.price_max if price else read.price_max,
            rating_min=own.rating_min if own.rating_min is not None else read.rating_min,
            in_stock=own.in_stock if own.in_stock is not None else read.in_stock,
        )
        gone = [one.part for one in self.preferences if one.within is not None and one.part.kind in settled]
        gone += [part for part in self.parts if part.applied is not PartUse.PREFERENCE and part.kind in settled]
        return replace(
            self,
            filters=filters,
            preferences=tuple(one for one in self.preferences if one.part not in gone),
            parts=tuple(part for part in self.parts if part not in gone),
        )

    @property
    def limits(self) -> str:
        """What filters, as typed."""
        return ", ".join(part.text for part in self.parts if part.applied is PartUse.FILTER)

    def loosened(self, own: SearchFilters) -> "Understood":
        """The same with the request's `own` filters alone: what was read filters nothing, and says so."""
        parts = (
            replace(part, applied=PartUse.IGNORED) if part.applied is PartUse.FILTER else part for part in self.parts
        )
        return replace(self, filters=own, parts=tuple(parts))


class QueryReader:
    """Built from a catalogue's columns, and to be built anew when they change. Thread-safe."""

    def __init__(self, columns: ProductColumns, named: Callable[[str, str], float]) -> None:
        """`named`: `ProductIndex.share_naming` for words and their neighbour."""
        self._named = named
        self._phrases: ValuePhrases = value_phrases(columns)
        self._brand_words = frozenset(
            key.rpartition(" ")[2] for key, one in self._phrases.meanings.items() if one.kind is PartKind.BRAND
        )
        self._knows_prices = _is_known(columns.price)
        self._knows_ratings = _is_known(columns.rating)
        self._knows_stock = bool(len(columns)) and float(np.mean(columns.in_stock != UNKNOWN_STOCK)) >= _KNOWN_ENOUGH

    def read(self, raw: str) -> Understood:
        """What `raw` says, as the shopper typed it. Never fails: a text that says nothing is its own normal form."""
        normal = normalize(raw)
        words = normal.split()
        if any(map(str.isdigit, normal)) or not _LIMITS_WITHOUT_NUMBER.isdisjoint(words):
            tokens = tokens_of(raw, normal)
            limits = limits_of(tokens, self._brand_words)
            stated = {limit: use for limit in limits if (use := self._use(tokens, limits, limit))}
            if stated:
                understood = self._with_limits(tokens, stated)
                if understood is not None:
                    return understood
        preferences, optional = self._preferences(words, _typed(raw, normal), [0] * len(words))
        return Understood(
            normal,
            preferences=tuple(preference for _, preference in preferences),
            parts=tuple(preference.part for _, preference in preferences),
            optional=optional if _says_more(words, optional) else frozenset(),
        )

    def _use(self, tokens: Sequence[Token], limits: Sequence[Limit], limit: Limit) -> PartUse | None:
        """What one of the `limits` is good for; None: its words are searched like others."""
        applies = self._applies(limit)
        if limit.doubtful and not applies:
            return None
        may_be_a_name = limit.doubtful or (not applies and limit.kind != "stock")
        if may_be_a_name and self._is_name(tokens, limits, limit):
            return None
        if not applies:
            return PartUse.IGNORED
        return PartUse.PREFERENCE if limit.doubtful or limit.is_about else PartUse.FILTER

    def _is_name(self, tokens: Sequence[Token], limits: Sequence[Limit], limit: Limit) -> bool:
        """Whether titles say these words beside a neighbour, so that they belong together."""
        own, neighbours = _own_and_neighbours(tokens, limits, limit)
        return any(self._named(own, one) > (_NAMES if limit.likely else 0) for one in neighbours)

    def _applies(self, limit: Limit) -> bool:
        """Whether the catalogue can tell."""
        if limit.kind == "stock":
            return self._knows_stock
        return not limit.is_unfinished and (self._knows_prices if limit.kind == "price" else self._knows_ratings)

    def _with_limits(self, tokens: Sequence[Token], limits: Mapping[Limit, PartUse]) -> Understood | None:
        """The query without the words of its limits; None where nothing were left to search, or limits contradict."""
        filters = _filters([limit for limit, use in limits.items() if use is PartUse.FILTER])
        gone = {at for limit in limits for at in with_joining(tokens, limit)}
        words: list[str] = []
        typed: Typed = []
        breaks: list[int] = []  # how many limits stand before a word: a phrase does not reach across one
        places: list[int] = []
        for at, token in enumerate(tokens):
            if at in gone:
                continue
            for word in token.words:
                words.append(word)
                typed.append((at, token.typed))
                breaks.append(sum(limit.start < at for limit in limits))
                places.append(at)
        preferences, optional = self._preferences(words, typed, breaks)
        if filters is None or not _says_more(words, optional):
            return None
        placed = [(limit.start, _part(tokens, limit, use)) for limit, use in limits.items()]
        named = [
            Preference(part, limit.kind, within=(limit.low, limit.high))
            for (limit, use), (_, part) in zip(limits.items(), placed, strict=True)
            if use is PartUse.PREFERENCE
        ]
        placed += [(places[position], preference.part) for position, preference in preferences]
        return Understood(
            " ".join(words),
            filters,
            (*named, *(preference for _, preference in preferences)),
            tuple(part for _, part in sorted(placed, key=lambda one: one[0])),
            optional,
        )

    def _preferences(
        self, words: Sequence[str], typed: Typed, breaks: Sequence[int]
    ) -> tuple[list[tuple[int, Preference]], frozenset[str]]:
        """The preferences with the positions of their first words, and the words that no product need hold."""
        atoms = list(atoms_of(words))
        found: list[tuple[int, Preference]] = []
        said: set[tuple[str, str]] = set()  # twice is no stronger
        optional: set[str] = set()
        at = 0
        while at < len(atoms):
            meaning, end = self._meaning_at(atoms, breaks, at)
            if meaning is not None and (meaning.column, meaning.value) not in said:
                said.add((meaning.column, meaning.value))
                part = _soft(meaning.kind, meaning.value, atoms, typed, at, end)
                found.append((atoms[at][1], Preference(part, meaning.column, meaning.shares)))
            elif meaning is None and atoms[at][0] in WISHES:
                wish, end = wish_at([atom for atom, _ in atoms[at : at + 4]])
                end += at
                if wish is not None and (self._knows_prices if wish.is_price else self._knows_ratings):
                    part = _soft(wish.kind, wish.value, atoms, typed, at, end)
                    found.append((atoms[at][1], Preference(part, wish.kind.value, wish=wish.wish)))
                    if wish.is_optional:
                        optional.update(words[position] for _, position in atoms[at:end])
            at = max(end, at + 1)
        return found, frozenset(optional)

    def _meaning_at(
        self, atoms: Sequence[tuple[str, int]], breaks: Sequence[int], at: int
    ) -> tuple[Meaning | None, int]:
        """The longest phrase that begins at this atom, and where it ends."""
        first, position = atoms[at]
        of_size = first in ("size", "sizes")
        longest = max(self._phrases.longest.get(first, 0), 4 if of_size else 0)
        for end in range(min(at + longest, len(atoms)), at, -1):
            if breaks[atoms[end - 1][1]] != breaks[position]:
                continue
            key = " ".join(atom for atom, _ in atoms[at:end])
            meaning = self._phrases.meanings.get(key)
            if meaning is None and of_size and end > at + 1:
                meaning = self._phrases.sizes.get(key.partition(" ")[2])
            if meaning is not None and _whole_words(atoms, at, end):
                return meaning, end
        return None, at + 1


def _says_more(words: Sequence[str], optional: frozenset[str]) -> bool:
    """Whether something is asked for besides prices, ratings and stock."""
    return any(word not in optional and word not in JOINERS for word in words)


def _is_known(values: FloatArray) -> bool:
    """Whether enough products have one."""
    return bool(len(values)) and float(np.mean(~np.isnan(values))) >= _KNOWN_ENOUGH


def _filters(limits: Sequence[Limit]) -> SearchFilters | None:
    """All limits at once; None where they contradict each other."""
    lows = [limit.low for limit in limits if limit.kind == "price" and limit.low is not None]
    highs = [limit.high for limit in limits if limit.kind == "price" and limit.high is not None]
    ratings = [limit.low for limit in limits if limit.kind == "rating" and limit.low is not None]
    low, high = max(lows, default=None), min(highs, default=None)
    if low is not None and high is not None and low > high:
        return None
    in_stock = True if any(limit.kind == "stock" for limit in limits) else None
    return SearchFilters(price_min=low, price_max=high, rating_min=max(ratings, default=None), in_stock=in_stock)


def _own_and_neighbours(tokens: Sequence[Token], limits: Sequence[Limit], limit: Limit) -> tuple[str, tuple[str, ...]]:
    """The words of a limit, and the one before it that is of no limit; where none is, the next and the last behind it:
    of a `$50 gift card` titles say `gift card 50`."""
    taken = {at for one in limits for at in with_joining(tokens, one)}
    free = [(at, word) for at, token in enumerate(tokens) if at not in taken for word in token.words]
    before = [word for at, word in free if at < limit.start]
    behind = [word for at, word in free if at >= limit.end and word not in JOINERS]
    own = [
        word
        for token in tokens[limit.start : limit.end]
        if token.amount or limit.kind == "rating" or not limit.doubtful
        for word in token.words
    ]
    return " ".join(own), tuple(before[-1:] or dict.fromkeys((*behind[:1], *behind[-1:])))


def _part(tokens: Sequence[Token], limit: Limit, use: PartUse) -> UnderstoodPart:
    low, high = (None if bound is None else _shown(bound) for bound in (limit.low, limit.high))
    if limit.kind == "stock":
        value = "in stock"
    elif limit.is_unfinished:
        value = "a limit without a number"
    elif limit.is_about:
        value = f"about {low}"
    elif low is not None and high is not None:
        value = f"{low} – {high}"
    else:
        value = f"≤ {high}" if low is None else f"≥ {low}"
    typed = " ".join(token.typed for token in tokens[limit.start : limit.end])
    return UnderstoodPart(PartKind(limit.kind), typed, value, use)


def _shown(number: float) -> str:
    """50, 49.99, 4.5."""
    return f"{number:.0f}" if number == int(number) else f"{number:.2f}".rstrip("0")


def _soft(
    kind: PartKind, value: str, atoms: Sequence[tuple[str, int]], typed: Typed, start: int, end: int
) -> UnderstoodPart:
    pieces = dict(typed[atoms[start][1] : atoms[end - 1][1] + 1])
    return UnderstoodPart(kind, " ".join(pieces.values()), value, PartUse.PREFERENCE)


def _typed(raw: str, normal: str) -> Typed:
    pieces = raw.split()
    if len(pieces) == normal.count(" ") + 1:  # one for each word
        return list(enumerate(pieces))
    return [(at, token.typed) for at, token in enumerate(tokens_of(raw, normal)) for _ in token.words]


def _whole_words(atoms: Sequence[tuple[str, int]], start: int, end: int) -> bool:
    """Whether a phrase neither begins nor ends inside a joined word: `red` is none in `infra-red`."""
    begins = start == 0 or atoms[start - 1][1] != atoms[start][1]
    return begins and (end == len(atoms) or atoms[end][1] != atoms[end - 1][1])
