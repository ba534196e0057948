"""The lists that were shown: which candidates, in which order, with which values, from which models.

One is written for every keystroke, so a row is a plain tuple below SQLAlchemy's parameters, and the items come as the
text that is stored.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

from sqlalchemy import Connection, Dialect, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import Engagement
from database.models import list_log
from database.repositories.experiments import Exposure, insert_exposures
from database.repositories.statements import chunks, upsert

EXPERIMENT_ARM = "experiment"  # `arm` of lists that an experiment ranked by another formula: rerankers leave them out
_COLUMNS = tuple(column.name for column in list_log.columns)


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One line of a shown list, with the feature values as they were at ranking time."""

    item: str  # the suggestion's text, or the product id
    rank: int  # 1-based, absolute across pages
    source: str
    score: float
    features: Mapping[str, float] = field(default_factory=dict)
    taste: tuple[float, ...] | None = None  # the layout and values of core.personalization.features
    credit: float | None = None  # of an interleaved list: what a choice of it says for the treatment
    propensity: float | None = None  # probability of this place, where chance had a say …
    natural_rank: int | None = None  # … and the rank before it


@dataclass(frozen=True, slots=True)
class ListLog:
    """One shown list. `items`: see `items_text`."""

    request_id: str
    kind: Literal["suggest", "search", "browse", "recommend"]
    session_id: str
    query: str  # or the prefix; empty where a part of the shop was browsed
    items: str
    artifact_version: str
    created_at: datetime
    user_key: str | None = None
    arm: str = "default"
    experiments: str | None = None  # {experiment: arm} as JSON, sorted by name, of those that may have shaped it
    exposures: tuple[Exposure, ...] = ()  # to the same; only the first of each unit is kept


def items_text(items: Iterable[ShownItem]) -> str:
    """The items as they are stored: a JSON array of objects, `features` only where there are any."""
    return json.dumps([_plain(item) for item in items], ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain(item: ShownItem) -> dict[str, object]:
    plain: dict[str, object] = {"item": item.item, "rank": item.rank, "source": item.source, "score": item.score}
    if item.taste is not None:
        plain["taste"] = item.taste
    if item.credit is not None:
        plain["credit"] = item.credit
    if item.propensity is not None:
        plain |= {"propensity": round(item.propensity, 6), "natural_rank": item.natural_rank}
    return plain | {"features": dict(item.features)} if item.features else plain


def insert_lists(connection: Connection, batch: Sequence[ListLog]) -> None:
    """As `ListRepository.add_many`, on a plain connection."""
    if batch:
        statement, row = _insert(connection.dialect)
        connection.exec_driver_sql(statement, [row(shown) for shown in batch])
        insert_exposures(connection, [exposure for shown in batch for exposure in shown.exposures])


def find_products_above(connection: Connection, clicks: Sequence[Engagement]) -> dict[str, tuple[str, ...]]:
    """By event id of a click: the products above it in its list, the nearest first.

    Only of lists of products that the click's session was shown.
    """
    statement = select(list_log.c.request_id, list_log.c.session_id, list_log.c["items"])
    lists = {}
    for some in chunks([click.request_id for click in clicks]):
        of = list_log.c.request_id.in_(some), list_log.c.kind != "suggest"
        lists.update({(row[0], row[1]): row[2] for row in connection.execute(statement.where(*of))})
    above = {}
    for click in clicks:
        shown = lists.get((click.request_id, click.session_id), ())
        ranked = sorted(((item["rank"], item["item"]) for item in shown), reverse=True)
        rank = next((rank for rank, item in ranked if item == click.item_id), click.item_rank or 1)
        above[click.event_id] = tuple(item for place, item in ranked if place < rank)
    return above


@lru_cache(maxsize=4)
def _insert(dialect: Dialect) -> tuple[str, Callable[[ListLog], tuple[Any, ...]]]:
    """The statement as the driver takes it, and a list's values in its order."""
    insert = upsert(dialect, list_log).on_conflict_do_nothing(index_elements=["request_id"])
    compiled = insert.compile(dialect=dialect, column_keys=list(_COLUMNS))
    order = tuple(compiled.positiontup or ())
    values, at = attrgetter(*order), order.index("created_at")
    to_stored = list_log.c.created_at.type.dialect_impl(dialect).bind_processor(dialect)

    def row(shown: ListLog) -> tuple[Any, ...]:
        plain = values(shown)
        return (*plain[:at], to_stored(shown.created_at) if to_stored else shown.created_at, *plain[at + 1 :])

    return str(compiled), row


class ListRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_many(self, batch: Sequence[ListLog]) -> None:
        """Append the lists. A request id that is there keeps its first list: storefronts may repeat a request."""
        await (await self._session.connection()).run_sync(insert_lists, batch)

    async def count(self) -> int:
        return (await self._session.execute(select(func.count()).select_from(list_log))).scalar_one()
