"""The two ways to what GET /admin/dashboard says: from stored counts, and from the log itself. They say the same."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
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
    StoredCounts,
    TrendingQuery,
    ZeroResultQuery,
)
from core.analytics.cells import Array, Cells, funnel_of
from core.analytics.definitions import POSITIONS, share
from core.analytics.tally import TOTAL
from database.repositories import insight_tables, insights
from database.repositories.insight_tables import ROWS
from database.repositories.insights import Span
from database.repositories.products import find_products
from database.repositories.rollup_spans import Freshness, SpanCounts, Stretches, total

BUCKETS = 48


def answer_from_counts(
    connection: Connection, span: Span, fresh: Freshness, stretches: Stretches | None = None
) -> DashboardResponse:
    counts = SpanCounts(connection, fresh, stretches)
    pieces = counts.pieces(span)
    now, before = total(pieces), total(counts.pieces(span.before))
    series = counts.series(pieces, span.parts(BUCKETS))
    searches = series[:, TOTAL["searches"]] + series[:, TOTAL["empty"]]
    columns = {
        name: searches if name == "searches" else series[:, TOTAL[name]].astype(int) for name in Series.model_fields
    }
    positions = {place: int(now.totals[TOTAL[f"position_{place}"]]) for place in range(1, POSITIONS + 1)}
    products = _first(counts, now.product_ids, now.products[:, 0], now.products[:, 0])
    known = find_products(connection, [text for text, _ in products])
    return _response(
        span,
        fresh.waiting,
        series=Series(**{name: [int(one) for one in column] for name, column in columns.items()}),
        figures=_figures_of(now),
        before=_figures_of(before),
        positions={**positions, POSITIONS + 1: int(now.totals[TOTAL["position_more"]])},
        funnel=FunnelBody(**dict(zip(FunnelBody.model_fields, funnel_of(now.visits), strict=True))),
        top_queries=[
            SearchedQuery(query=text, searches=row[0], click_through=share(row[2], row[1]))
            for text, row in _first(counts, now.query_ids, now.queries[:, 0], now.queries)
        ],
        trending_queries=list(_rising(counts, now, before)),
        zero_result_queries=[
            ZeroResultQuery(query=text, searches=number)
            for text, number in _first(counts, now.empty_ids, now.empty[:, 0], now.empty[:, 0])
        ],
        top_products=[
            ClickedProduct(product_id=text, title=known[text].title if text in known else None, clicks=number)
            for text, number in products
        ],
    )


def answer_from_log(connection: Connection, span: Span) -> DashboardResponse:
    parts = insights.count_in_parts(connection, span.parts(BUCKETS))
    found = insights.count_positions(connection, span)
    more = sum(count for place, count in found.items() if place > POSITIONS)
    return _response(
        span,
        None,
        series=Series(**{name: [getattr(part, name) for part in parts] for name in Series.model_fields}),
        figures=_figures_in(connection, span),
        before=_figures_in(connection, span.before),
        positions={**{place: found.get(place, 0) for place in range(1, POSITIONS + 1)}, POSITIONS + 1: more},
        funnel=FunnelBody(**asdict(insights.count_funnel(connection, span))),
        top_queries=[
            SearchedQuery(query=one.query, searches=one.searches, click_through=share(one.clicked, one.followed))
            for one in insight_tables.find_top_queries(connection, span)
        ],
        trending_queries=[TrendingQuery(**asdict(one)) for one in insight_tables.find_rising_queries(connection, span)],
        zero_result_queries=[
            ZeroResultQuery(**asdict(one)) for one in insight_tables.find_empty_queries(connection, span)
        ],
        top_products=[ClickedProduct(**asdict(one)) for one in insight_tables.find_top_products(connection, span)],
    )


def _response(span: Span, waiting: int | None, *, positions: dict[int, int], **parts: Any) -> DashboardResponse:
    """`positions`: the last one stands for all that are further down. `waiting` is None for an answer from the log."""
    return DashboardResponse(
        start=span.start,
        end=span.end,
        bucket_seconds=(span.end - span.start).total_seconds() / BUCKETS,
        positions=[
            PositionCount(position=place if place <= POSITIONS else None, choices=count)
            for place, count in positions.items()
        ],
        stored_counts=StoredCounts(used=waiting is not None, waiting_hours=waiting or 0),
        definitions=DEFINITIONS,
        **parts,
    )


def _figures_of(cells: Cells) -> Figures:
    def of(name: str) -> int:
        return int(cells.totals[TOTAL[name]])

    searches = of("searches") + of("empty")
    return Figures(
        keystrokes=of("keystrokes"),
        searches=searches,
        clicks=of("clicks"),
        add_to_cart=of("add_to_cart"),
        purchases=of("purchases"),
        suggest_lists=of("suggest"),
        search_lists=of("search"),
        recommend_lists=of("recommend"),
        sessions=len(cells.visits),
        typing_sequences=of("sequences"),
        suggestion_ctr=share(of("chosen"), of("sequences")),
        mean_position=share(of("ranks"), of("ranked")),
        search_ctr=share(of("clicked"), of("followed") + of("empty")),
        zero_result_rate=share(of("empty"), searches),
        saved_characters=share(of("saved"), of("saved_choices")),
        saved_share=share(of("saved"), of("of_characters")),
    )


def _figures_in(connection: Connection, span: Span) -> Figures:
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
        suggestion_ctr=share(typing.chosen, typing.sequences),
        mean_position=share(sum(place * count for place, count in positions.items()), chosen),
        search_ctr=share(outcomes.clicked, outcomes.followed + outcomes.empty),
        zero_result_rate=share(outcomes.empty, counts.searches),
        saved_characters=share(saved.characters, saved.choices),
        saved_share=share(saved.characters, saved.of_characters),
    )


def _first(counts: SpanCounts, ids: Array, order: Array, rows: Array) -> list[tuple[str, Any]]:
    """Text and row of those with the greatest `order`, ties by their text."""
    few = _candidates(order)
    texts = counts.texts(ids[few].tolist())
    ranked = sorted(few.tolist(), key=lambda place: (-order[place], texts[int(ids[place])]))
    return [(texts[int(ids[place])], rows[place].tolist()) for place in ranked[:ROWS]]


def _candidates(order: Array) -> Array:
    """The places of the greatest ones, with all that equal the last of them. None is below 0."""
    least = order.max(initial=0)
    while least > 0 and np.count_nonzero(order >= least) < ROWS:  # few are great, so few steps lead to them
        least = least / 2 if least > 1e-9 else 0
    some = order[order >= least]
    if len(some) > ROWS:
        least = np.sort(some)[-ROWS]
    return np.flatnonzero(order >= least)


def _rising(counts: SpanCounts, now: Cells, before: Cells) -> Iterator[TrendingQuery]:
    """As `insight_tables.find_rising_queries` ranks them."""
    searches = now.queries[:, 0].astype(float)
    earlier = np.zeros(len(searches))
    _, here, there = np.intersect1d(now.query_ids, before.query_ids, assume_unique=True, return_indices=True)
    earlier[here] = before.queries[there, 0]
    rises = np.flatnonzero((searches > earlier) & (searches > 0))
    more = searches[rises] - earlier[rises]
    score = more * more / (earlier[rises] + 1)
    rises = rises[_candidates(score)]
    score = score[_candidates(score)]
    texts = counts.texts(now.query_ids[rises].tolist())
    ranked: Sequence[tuple[float, float, str, float]] = sorted(
        (-score[at], -searches[place], texts[int(now.query_ids[place])], earlier[place])
        for at, place in enumerate(rises.tolist())
    )
    for _, number, text, less in ranked[:ROWS]:
        yield TrendingQuery(query=text, searches=int(-number), earlier=int(less))
