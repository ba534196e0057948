"""What searches showed and what was clicked there: the two logs joined by request id."""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from core.domain import Action
from core.text.normalize import normalize
from database.models import events, list_log, query_log


class Impression(NamedTuple):
    """One product of one shown list. `rank` is 1-based and absolute across pages."""

    query: str  # normalised
    product_id: str
    rank: int
    clicked: bool


def impressions(connection: Connection, actions: Collection[Action]) -> list[Impression]:
    """Every product of every shown search by relevance, with whether one of `actions` followed on it in that list."""
    clicked: dict[str, set[str]] = defaultdict(set)
    followed = select(events.c.request_id, events.c.item_id).where(
        events.c.action.in_([action.value for action in actions]),
        events.c.request_id.is_not(None),
        events.c.item_id.is_not(None),
    )
    for request_id, item_id in connection.execute(followed):
        clicked[request_id].add(item_id)
    shown = []
    lists = select(list_log.c.request_id, list_log.c.query, list_log.c["items"]).where(list_log.c.kind == "search")
    for request_id, query, items in connection.execute(lists):
        text = normalize(query)
        shown += [
            Impression(text, item["item"], item["rank"], item["item"] in clicked[request_id])
            for item in items
            if item["source"] == "relevance"  # in another order the rank says nothing of the ranker
        ]
    return shown


def imported_clicks(connection: Connection) -> list[tuple[str, str, float]]:
    """Normalised query, product id and how often it was clicked, of the imported log."""
    rows = connection.execute(
        select(query_log.c.normalized, query_log.c.product_id, func.sum(query_log.c.count))
        .where(query_log.c.relevance.is_(None), query_log.c.product_id.is_not(None), query_log.c.normalized != "")
        .group_by(query_log.c.normalized, query_log.c.product_id)
    )
    return [(query, product_id, float(count)) for query, product_id, count in rows]
