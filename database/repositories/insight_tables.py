"""Which queries and products stand out in a span of time."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, Float, and_, case, cast, func, select

from core.domain import Action
from core.text.normalize import normalize
from core.text.personal import looks_personal
from database.models import events, list_log, products
from database.repositories.insights import Span, count_clicked, did, found_nothing

ROWS = 10
_READ = 3 * ROWS  # what looks personal is left out afterwards
_WAYS_OF_WRITING = 1_000  # most frequent queries that found nothing, before they are normalised


@dataclass(frozen=True, slots=True)
class TopQuery:
    """`followed`: searches whose clicks can be told; `clicked`: those of them that saw one."""

    query: str
    searches: int
    followed: int
    clicked: int


@dataclass(frozen=True, slots=True)
class RisingQuery:
    query: str
    searches: int
    earlier: int


@dataclass(frozen=True, slots=True)
class EmptyQuery:
    query: str
    searches: int


@dataclass(frozen=True, slots=True)
class TopProduct:
    """`title` is None for a product that is not in the catalogue."""

    product_id: str
    title: str | None
    clicks: int


def find_top_queries(connection: Connection, span: Span) -> list[TopQuery]:
    """The most searched, by their normalised text."""
    searches = func.count()
    found = (
        select(events.c.normalized, searches, func.count(events.c.request_id), count_clicked())
        .where(did(Action.SEARCH, span), events.c.normalized.is_not(None))
        .group_by(events.c.normalized)
        .order_by(searches.desc(), events.c.normalized)
        .limit(_READ)
    )
    return [TopQuery(*row) for row in connection.execute(found) if not looks_personal(row[0])][:ROWS]


def find_rising_queries(connection: Connection, span: Span) -> list[RisingQuery]:
    """Those with the greatest rise against the span before: `(now − earlier) / √(earlier + 1)`, as in `api.trending`.

    From 1 to 2 rises by 0.7, from 100 to 150 by 5. Ordered by its square, since not every SQLite has a square root.
    """
    at = events.c.occurred_at
    both = Span(span.before.start, span.end)
    counted = (
        select(
            events.c.normalized.label("query"),
            func.count(case((at >= span.start, 1))).label("now"),
            func.count(case((at < span.start, 1))).label("earlier"),
        )
        .where(and_(did(Action.SEARCH, both), events.c.normalized.is_not(None)))
        .group_by(events.c.normalized)
        .subquery()
    )
    more = cast(counted.c.now - counted.c.earlier, Float)
    found = (
        select(counted)
        .where(counted.c.now > counted.c.earlier)
        .order_by((more * more / (counted.c.earlier + 1)).desc(), counted.c.now.desc(), counted.c.query)
        .limit(_READ)
    )
    return [RisingQuery(*row) for row in connection.execute(found) if not looks_personal(row[0])][:ROWS]


def find_empty_queries(connection: Connection, span: Span) -> list[EmptyQuery]:
    """The most frequent among those that showed nothing, by their normalised text."""
    searches = func.count()
    written = (
        select(list_log.c.query, searches)
        .where(found_nothing(span))
        .group_by(list_log.c.query)
        .order_by(searches.desc(), list_log.c.query)
        .limit(_WAYS_OF_WRITING)
    )
    counts: Counter[str] = Counter()
    for query, count in connection.execute(written):
        if not looks_personal(query):
            counts[normalize(query) or query] += count
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [EmptyQuery(query, count) for query, count in ranked[:ROWS]]


def find_top_products(connection: Connection, span: Span) -> list[TopProduct]:
    """The most clicked, wherever they were shown."""
    clicks = func.count().label("clicks")
    ranked = (
        select(events.c.item_id, clicks)
        .where(did(Action.CLICK, span), events.c.item_id.is_not(None))
        .group_by(events.c.item_id)
        .order_by(clicks.desc(), events.c.item_id)
        .limit(ROWS)
        .subquery()
    )
    found = (
        select(ranked.c.item_id, products.c.title, ranked.c.clicks)
        .select_from(ranked.outerjoin(products, products.c.product_id == ranked.c.item_id))
        .order_by(ranked.c.clicks.desc(), ranked.c.item_id)
    )
    return [TopProduct(*row) for row in connection.execute(found)]
