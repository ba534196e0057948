"""How many shoppers searched what, in a window of time and in those before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, String, and_, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import Action
from database.models import events, query_log
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.statements import chunks

EARLIER_WINDOWS = 4  # a month before the week: enough to know what is usual, not so much that last season counts


@dataclass(frozen=True, slots=True)
class SearchTrend:
    """One normalised query: different shoppers in the window, and on average in each window before that is known."""

    text: str
    now: int
    earlier: float


class TrendRepository:
    """A shopper is a user, or a session without one, and counts once a window."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def searches(self, start: datetime, window: timedelta, min_shoppers: int) -> list[SearchTrend]:
        """The queries that at least `min_shoppers` searched from `start` on, in the order of their texts.

        `earlier` is the mean over the four windows before `start`, or over as many as there have been searches for
        (a part counts as a whole); 0 where there are none.
        """
        shopper = func.coalesce(events.c.user_key, events.c.session_id)
        live = (events.c.action == Action.SEARCH.value, events.c.normalized.is_not(None), IS_TRAFFIC)
        now = _shoppers(shopper, events.c.occurred_at >= start)
        found = (
            select(events.c.normalized, now, *_by_window(shopper, events.c.occurred_at, start, window))
            .where(*live, events.c.occurred_at >= start - EARLIER_WINDOWS * window)
            .group_by(events.c.normalized)
            .having(now >= min_shoppers)
            .order_by(events.c.normalized)
        )
        oldest = (await self._session.execute(select(func.min(events.c.occurred_at)).where(*live))).scalar()
        known = _windows_known(oldest, start, window)
        rows = await self._session.execute(found)
        return [SearchTrend(text, shoppers, sum(earlier) / known) for text, shoppers, *earlier in rows]

    async def logged(self, texts: Sequence[str], before: datetime, window: timedelta) -> dict[str, float]:
        """Shoppers a window of these queries in the imported log, over its last four windows that end by `before`.

        Empty where the log has no times that early. Judged rows are no searches; a row without a shopper counts as one.
        """
        at = query_log.c.occurred_at
        newest, oldest = (await self._session.execute(select(func.max(at), func.min(at)).where(at < before))).one()
        if newest is None:
            return {}
        end = newest + timedelta(microseconds=1)
        known = _windows_known(oldest, end, window)
        shopper = func.coalesce(query_log.c.user_key, query_log.c.session_id, cast(query_log.c.id, String))
        counted = select(query_log.c.normalized, *_by_window(shopper, at, end, window)).where(
            query_log.c.relevance.is_(None), at >= end - EARLIER_WINDOWS * window, at < end
        )
        rates: dict[str, float] = {}
        for some in chunks(texts):
            asked = counted.where(query_log.c.normalized.in_(some)).group_by(query_log.c.normalized)
            rates |= {text: sum(earlier) / known for text, *earlier in await self._session.execute(asked)}
        return rates


def _shoppers(shopper: ColumnElement[str], when: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(func.distinct(case((when, shopper))))


def _by_window(
    shopper: ColumnElement[str], at: Column[datetime], end: datetime, window: timedelta
) -> list[ColumnElement[int]]:
    """Shoppers in each of the windows before `end`."""
    ends = [end - number * window for number in range(EARLIER_WINDOWS)]
    return [_shoppers(shopper, and_(at >= until - window, at < until)) for until in ends]


def _windows_known(oldest: datetime | None, end: datetime, window: timedelta) -> float:
    return 1.0 if oldest is None else min(float(EARLIER_WINDOWS), max(1.0, (end - oldest) / window))
