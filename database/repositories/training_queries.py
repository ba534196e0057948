"""What a training learns queries from: the imported log and the searches that shoppers have completed since.

A live search counts once a shopper, and only once enough shoppers made it: what a version has learnt it may show to
anybody.
"""

import hashlib
import json
from datetime import datetime

from sqlalchemy import CompoundSelect, String, cast, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import Action, WeightedQuery
from database.models import events, query_log
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.events import EventRepository
from database.repositories.query_log import QueryLogRepository


class TrainingQueryRepository:
    """`min_shoppers` is the setting SUGGESTION_MIN_SHOPPERS."""

    def __init__(self, session: AsyncSession, min_shoppers: int) -> None:
        self._session, self._min_shoppers = session, min_shoppers

    async def weighted(
        self, before: datetime | None = None, half_life_days: float | None = None
    ) -> list[WeightedQuery]:
        """Distinct normalised queries with their weights, in the order of their texts.

        `before`: what has a time counts only where it is earlier. `half_life_days`: see `QueryLogRepository.weighted`;
        live searches, which came after the log, all count as recent.
        """
        logged = await QueryLogRepository(self._session).weighted(before, half_life_days)
        queries = {query.text: query for query in logged}
        for text, shoppers in await EventRepository(self._session).searches(self._min_shoppers, before):
            known = queries.get(text, WeightedQuery(text, 0.0))
            timed = half_life_days is not None and (known.recent is not None or not known.weight)
            recent = (known.recent or 0.0) + shoppers if timed else None
            queries[text] = WeightedQuery(text, known.weight + shoppers, recent)
        return [queries[text] for text in sorted(queries)]

    async def searches_digest(self, before: datetime | None = None) -> str:
        """Names the completed searches that `weighted` counts, in 16 hexadecimal digits; empty where there are none."""
        found = await EventRepository(self._session).searches(self._min_shoppers, before)
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16] if found else ""

    async def completions(self, since: datetime | None = None) -> int:
        """How many completions have a known time: one for each shopper and query, `since` inclusive."""
        timed = _timed(since).subquery()
        return (await self._session.execute(select(func.count()).select_from(timed))).scalar_one()

    async def newest(self, limit: int, since: datetime | None = None) -> list[tuple[str, datetime]]:
        """The newest completions, newest first: `(normalised query, time)`, `since` inclusive."""
        timed = _timed(since).subquery()
        found = select(timed.c.normalized, timed.c.at).order_by(timed.c.at.desc(), timed.c.normalized).limit(limit)
        return [(text, at) for text, at in await self._session.execute(found)]


def _timed(since: datetime | None) -> CompoundSelect[tuple[str, datetime]]:
    """When each shopper completed each query last. Rows of a log that name no shopper stand for themselves."""
    shopper = func.coalesce(events.c.user_key, events.c.session_id, events.c.event_id)
    live = (
        select(events.c.normalized, func.max(events.c.occurred_at).label("at"))
        .where(events.c.action == Action.SEARCH.value, events.c.normalized.is_not(None), IS_TRAFFIC)
        .group_by(events.c.normalized, shopper)
    )
    visitor = func.coalesce(query_log.c.user_key, query_log.c.session_id, cast(query_log.c.id, String))
    logged = (
        select(query_log.c.normalized, func.max(query_log.c.occurred_at).label("at"))
        .where(query_log.c.occurred_at.is_not(None), query_log.c.relevance.is_(None), query_log.c.normalized != "")
        .group_by(query_log.c.normalized, visitor)
    )
    if since is not None:
        live = live.where(events.c.occurred_at >= since)
        logged = logged.where(query_log.c.occurred_at >= since)
    return union_all(live, logged)
