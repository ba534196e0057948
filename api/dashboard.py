"""What GET /admin/dashboard answers: the figures of a range of time that ends now, and of as much time before it."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from api.schemas.dashboard import (
    DEFINITIONS,
    ClickedProduct,
    DashboardResponse,
    Figures,
    FunnelBody,
    PositionCount,
    SearchedQuery,
    Series,
    TrendingQuery,
    ZeroResultQuery,
)
from database.connection import Database
from database.repositories import insight_tables, insights
from database.repositories.insights import POSITIONS, Span

BUCKETS = 48


class Dashboard:
    """Counts for one caller at a time: a long range reads much, and others need the database, too."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._clock = database, clock
        self._one_at_a_time = asyncio.Lock()

    async def answer(self, hours: int) -> DashboardResponse:
        """The last `hours`, of one consistent state. Raises SQLAlchemyError when the database cannot be read."""
        end = self._clock().replace(microsecond=0) + timedelta(seconds=1)  # what happened this second counts
        async with self._one_at_a_time:
            return await self._database.count(partial(_answer, span=Span(end - timedelta(hours=hours), end)))


def _answer(connection: Connection, span: Span) -> DashboardResponse:
    parts = insights.count_in_parts(connection, span.parts(BUCKETS))
    positions = insights.count_positions(connection, span)
    return DashboardResponse(
        start=span.start,
        end=span.end,
        bucket_seconds=(span.end - span.start).total_seconds() / BUCKETS,
        series=Series(**{name: [getattr(part, name) for part in parts] for name in Series.model_fields}),
        figures=_figures(connection, span),
        before=_figures(connection, span.before),
        positions=[
            *(PositionCount(position=place, choices=positions.get(place, 0)) for place in range(1, POSITIONS + 1)),
            PositionCount(position=None, choices=sum(n for place, n in positions.items() if place > POSITIONS)),
        ],
        funnel=FunnelBody(**asdict(insights.count_funnel(connection, span))),
        top_queries=[
            SearchedQuery(query=one.query, searches=one.searches, click_through=_share(one.clicked, one.followed))
            for one in insight_tables.find_top_queries(connection, span)
        ],
        trending_queries=[TrendingQuery(**asdict(one)) for one in insight_tables.find_rising_queries(connection, span)],
        zero_result_queries=[
            ZeroResultQuery(**asdict(one)) for one in insight_tables.find_empty_queries(connection, span)
        ],
        top_products=[ClickedProduct(**asdict(one)) for one in insight_tables.find_top_products(connection, span)],
        definitions=DEFINITIONS,
    )


def _figures(connection: Connection, span: Span) -> Figures:
    [counts] = insights.count_in_parts(connection, [span])
    lists = insights.count_lists(connection, span)
    typing = insights.count_typing(connection, span)
    positions = insights.count_positions(connection, span)
    saved = insights.count_saved(connection, span)
    outcomes = insights.count_outcomes(connection, span)
    chosen = sum(positions.values())
    return Figures(
        **asdict(counts),
        suggest_lists=lists["suggest"],
        search_lists=lists["search"],
        recommend_lists=lists["recommend"],
        sessions=insights.count_sessions(connection, span),
        typing_sequences=typing.sequences,
        suggestion_ctr=_share(typing.chosen, typing.sequences),
        mean_position=_share(sum(place * count for place, count in positions.items()), chosen),
        search_ctr=_share(outcomes.clicked, outcomes.followed + outcomes.empty),
        zero_result_rate=_share(outcomes.empty, counts.searches),
        saved_characters=_share(saved.characters, saved.choices),
        saved_share=_share(saved.characters, saved.of_characters),
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
