"""The lists that were shown: which candidates, in which order, with which values, from which models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from database.models import list_log
from database.repositories.statements import upsert


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One line of a shown list, with the feature values as they were at ranking time."""

    item: str  # the suggestion's text, or the product id
    rank: int  # 1-based, absolute across pages
    source: str
    score: float
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListLog:
    """One shown list."""

    request_id: str
    kind: Literal["suggest", "search"]
    session_id: str
    query: str  # or the prefix
    items: tuple[ShownItem, ...]
    artifact_version: str
    created_at: datetime
    user_key: str | None = None
    arm: str = "default"


def _row(shown: ListLog) -> dict[str, object]:
    return {
        "request_id": shown.request_id,
        "kind": shown.kind,
        "session_id": shown.session_id,
        "user_key": shown.user_key,
        "query": shown.query,
        "items": [
            {
                "item": item.item,
                "rank": item.rank,
                "source": item.source,
                "score": item.score,
                "features": dict(item.features),
            }
            for item in shown.items
        ],
        "arm": shown.arm,
        "artifact_version": shown.artifact_version,
        "created_at": shown.created_at,
    }


def insert_lists(connection: Connection, batch: Sequence[ListLog]) -> None:
    """As `ListRepository.add_many`, on a plain connection."""
    if batch:
        statement = upsert(connection.dialect, list_log).on_conflict_do_nothing(index_elements=["request_id"])
        connection.execute(statement, [_row(shown) for shown in batch])


class ListRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_many(self, batch: Sequence[ListLog]) -> None:
        """Append the lists. A request id that is there keeps its first list: storefronts may repeat a request."""
        await (await self._session.connection()).run_sync(insert_lists, batch)

    async def count(self) -> int:
        return (await self._session.execute(select(func.count()).select_from(list_log))).scalar_one()
