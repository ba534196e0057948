"""What a shop has learnt of a shopper: a pure fold over events, O(1) each, at most `MAX_BYTES` however long it goes on.

    profile = Profile()
    for event in sorted(log, key=canonical):  # by time, then by event id
        profile.fold(event)

Nothing but the events goes in: what the shop knew of a product then is stored with its event (`EventFacts`). The same
events give the same bytes, in one go or in many with `to_bytes` and `from_bytes` between.

What a shopper does counts by its weight (contract, POST /engagement), a view by how long it lasted. A product that
stood above the chosen one and was left alone loses a little ("skip above", Joachims et al., SIGIR 2005). Interests in
meaning are not stored: they are read off the products with the vectors of the version that is served
(`core.personalization.interests`), so that another encoder needs no new profiles.
"""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Self

import numpy as np

from core.domain import ACTION_WEIGHTS, Action, Engagement, EventFacts
from core.errors import ProfileError
from core.personalization.decayed import ENTRY_BYTES, DecayedTable
from core.personalization.keys import KeyArray, Space, key_of
from core.personalization.products import ProductTable, products_bytes
from core.text.normalize import normalize
from core.text.terms import asked_terms

FORMAT = 1
HEAD, TAIL, LATEST = 110, 467, 16  # with its version a full one just fits 4,096 bytes, a size that Redis allocates
BRANDS, CATEGORIES, KINDS, ATTRIBUTES, TERMS, PRICE_LEVELS, HABITS = 12, 8, 12, 10, 12, 5, 8
DAY_PARTS = 8  # four of a weekday, four of a weekend day

_PART_KEYS = tuple((part + 1) * 0x9E3779B1 & 0xFFFFFFFF for part in range(DAY_PARTS))  # far from each other

_HEADER = struct.Struct("<BBHII")  # format, products of the head and of the tail, events, time of the last one
_SIZES = struct.Struct("<8B")
_TABLES = (LATEST, BRANDS, CATEGORIES, KINDS, ATTRIBUTES, TERMS, PRICE_LEVELS, HABITS)
MAX_BYTES = _HEADER.size + _SIZES.size + products_bytes(HEAD, TAIL) + ENTRY_BYTES * sum(_TABLES)

_SEARCHED = 1.0  # weight of a completed query for its words
_SKIPPED = -0.3
_MAX_SKIPPED, _MAX_ATTRIBUTES, _MAX_TERMS = 3, 6, 8
_SHORT_LOOK, _LONG_LOOK = 0.1, 1.5  # what a view of no time counts, and one of a minute or more
_MINUTE = 60.0
_LATEST = 2**32 - 1


class Profile:
    """Empty at first."""

    __slots__ = (
        "__weakref__", "attributes", "brands", "categories", "events", "habits", "kinds", "last_at", "latest",
        "price_levels", "products", "terms",
    )  # fmt: skip

    def __init__(self) -> None:
        self.events = 0  # that were folded
        self.last_at = 0  # time of the last one
        self.products = ProductTable(HEAD, TAIL)  # in the long run
        self.latest = DecayedTable(LATEST)  # products in these days
        self.brands, self.categories, self.kinds = map(DecayedTable, (BRANDS, CATEGORIES, KINDS))
        self.attributes, self.terms = DecayedTable(ATTRIBUTES), DecayedTable(TERMS)
        self.price_levels = DecayedTable(PRICE_LEVELS)  # key: level + 1
        self.habits = DecayedTable(HABITS)  # key: `habit_key`

    def __len__(self) -> int:
        return self.events

    @property
    def says_anything(self) -> bool:
        """Whether taste can be read from it: what was only shown says nothing."""
        return len(self.products) > 0 or len(self.terms) > 0

    def fold(self, event: Engagement) -> None:
        """The event happened. In canonical order: ValueError for one that is earlier than the last."""
        at = seconds_of(event.occurred_at)
        if at < self.last_at:
            raise ValueError("an event is earlier than the last one: fold them in order")
        self.events, self.last_at = min(self.events + 1, _LATEST), at
        if event.query and (event.action is Action.SEARCH or ACTION_WEIGHTS[event.action] > 0):
            self._search(event, at)
        if event.item_id is not None:
            self._engage(event.item_id, event, at)

    def _search(self, event: Engagement, at: int) -> None:
        weight = max(_SEARCHED, ACTION_WEIGHTS[event.action])
        terms = dict.fromkeys(asked_terms(normalize(event.query or "")))
        for term in list(terms)[:_MAX_TERMS]:
            self.terms.add(key_of(Space.TERM, term), weight, at)

    def _engage(self, item_id: str, event: Engagement, at: int) -> None:
        weight = weight_of(event)
        facts = event.facts or EventFacts()
        for skipped in facts.skipped[:_MAX_SKIPPED]:
            self.products.add(key_of(Space.PRODUCT, skipped), _SKIPPED, at)
        if not weight:
            return
        product = key_of(Space.PRODUCT, item_id)
        self.products.add(product, weight, at, bought=event.action is Action.PURCHASE)
        self.latest.add(product, weight, at)
        if facts.category:
            self.categories.add(key_of(Space.CATEGORY, facts.category), weight, at)
        if facts.brand:
            self.brands.add(key_of(Space.BRAND, facts.brand), weight, at)
        if facts.price_level is not None:
            self.price_levels.add(facts.price_level + 1, weight, at)
        for attribute in facts.attributes[:_MAX_ATTRIBUTES]:
            self.attributes.add(key_of(Space.ATTRIBUTE, attribute), weight, at)
        if facts.kind:
            kind = key_of(Space.KIND, facts.kind)
            self.kinds.add(kind, weight, at)
            self.habits.add(habit_key(kind, day_part(at)), weight, at)

    def to_bytes(self) -> bytes:
        """At most `MAX_BYTES`, in a layout that `FORMAT` numbers."""
        tables = self._tables()
        head, tail = len(self.products.keys), len(self.products.tail)
        header = _HEADER.pack(FORMAT, head, tail, self.events, self.last_at)
        sizes = _SIZES.pack(*map(len, tables))
        return header + sizes + self.products.to_bytes() + b"".join(table.to_bytes() for table in tables)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The inverse of `to_bytes`. Raises ProfileError for bytes of another format, or cut short."""
        profile = cls()
        try:
            layout, head, tail, profile.events, profile.last_at = _HEADER.unpack_from(raw)
            sizes = _SIZES.unpack_from(raw, _HEADER.size)
        except struct.error:
            raise ProfileError("a stored profile is cut short") from None
        start = _HEADER.size + _SIZES.size
        if layout != FORMAT or len(raw) != start + products_bytes(head, tail) + ENTRY_BYTES * sum(sizes):
            raise ProfileError("a stored profile has another format: fold it from the log again")
        rest = memoryview(raw)[start:]
        size = products_bytes(head, tail)
        profile.products = ProductTable.from_bytes(rest[:size], head, HEAD, TAIL)
        rest, tables = rest[size:], []
        for size, capacity in zip(sizes, _TABLES, strict=True):
            tables.append(DecayedTable.from_bytes(rest[: ENTRY_BYTES * size], capacity))
            rest = rest[ENTRY_BYTES * size :]
        (profile.latest, profile.brands, profile.categories, profile.kinds, profile.attributes, profile.terms,
         profile.price_levels, profile.habits) = tables  # fmt: skip
        return profile

    def _tables(self) -> tuple[DecayedTable, ...]:
        return (
            self.latest, self.brands, self.categories, self.kinds, self.attributes, self.terms, self.price_levels,
            self.habits,
        )  # fmt: skip


def canonical(event: Engagement) -> tuple[datetime, str]:
    """The order in which events are folded: by time, then by event id."""
    return event.occurred_at, event.event_id


def folded(events: Iterable[Engagement]) -> Profile:
    """The profile of these events, whatever their order; an event id counts once."""
    profile = Profile()
    for event in sorted({event.event_id: event for event in events}.values(), key=canonical):
        profile.fold(event)
    return profile


def weight_of(event: Engagement) -> float:
    """What an event says of its product; a view by how long it lasted.

    What is taken out of the cart takes back that it was put there, too.
    """
    weight = ACTION_WEIGHTS[event.action]
    if event.action is Action.REMOVE_FROM_CART:
        weight -= ACTION_WEIGHTS[Action.ADD_TO_CART]
    if event.action in (Action.VIEW, Action.REVIEW_VIEW) and event.duration_seconds is not None:
        weight *= _SHORT_LOOK + (_LONG_LOOK - _SHORT_LOOK) * min(event.duration_seconds / _MINUTE, 1.0)
    return weight


def seconds_of(at: datetime) -> int:
    """Unix seconds in [0, 2³²)."""
    return min(max(0, int(at.timestamp())), _LATEST)


def day_part(at: float) -> int:
    """In [0, DAY_PARTS): the quarter of the day (UTC), weekends apart."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.hour // 6 + (4 if moment.weekday() >= 5 else 0)


def habit_key(kind: int, part: int) -> int:
    """The key of a pseudo-category at a part of the day."""
    return kind ^ _PART_KEYS[part]


def habit_keys(kinds: KeyArray) -> KeyArray:
    """`(N,)` → `(N, DAY_PARTS)`: as `habit_key`, for every part of the day."""
    return np.asarray(kinds[:, None] ^ np.array(_PART_KEYS, np.uint32), np.uint32)
