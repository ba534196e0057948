"""What GET /admin/metrics says, from stored counts and what of the range is still open."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import numpy as np
from sqlalchemy import Connection, func, select

from api.schemas.outcomes import DEFINITIONS, Breakdown, Excluded, OutcomeRow, Outcomes, OutcomesResponse
from core.analytics.cells import Array, Cells, add_up, sum_by_id, with_sessions_counted
from core.analytics.definitions import MEASURES, share
from core.analytics.tally import MEASURE
from database.models import events
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.insights import Span
from database.repositories.rollup_spans import Freshness, SpanCounts
from database.repositories.rollups import day_start

_ALL = "all:"
_BY_TIME = (Breakdown.DAY, Breakdown.HOUR)


def find_outcomes(connection: Connection, first: date, last: date, by: Breakdown, now: datetime) -> OutcomesResponse:
    """Of the days from `first` to `last`, that one included."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    span = Span(start, datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1))
    fresh = Freshness.of(connection, span, now)
    counts = SpanCounts(connection, fresh, measures=True)
    stretches = _by_hour(counts, span) if by is Breakdown.HOUR else _by_day(counts, span)
    ids, rows = sum_by_id(
        [cells.measure_ids for cells in stretches.values()],
        [cells.measures for cells in stretches.values()],
        len(MEASURES),
    )
    texts = counts.texts(ids.tolist())
    by_value = {texts[int(number)]: row for number, row in zip(ids, rows, strict=True)}
    everything = by_value.get(_ALL, np.zeros(len(MEASURES)))
    if by in _BY_TIME:
        everyone = counts.number_of(_ALL)
        of_time = ((_name(at, by), _of(cells, everyone)) for at, cells in stretches.items())
        shown = [OutcomeRow(key=name, **_outcomes(row, by)) for name, row in of_time]
    else:
        prefix = f"{by.value}:"
        values = [(text.removeprefix(prefix), row) for text, row in by_value.items() if text.startswith(prefix)]
        values.sort(key=lambda one: (-one[1][MEASURE["sessions"]], one[0]))
        shown = [OutcomeRow(key=name, **_outcomes(row, by)) for name, row in values]
    return OutcomesResponse(
        first_day=first,
        last_day=last,
        by=by,
        total=Outcomes(**_outcomes(everything, Breakdown.DAY)),
        rows=shown,
        excluded=Excluded(
            robot_sessions=int(everything[MEASURE["bot_sessions"]]),
            robot_lists=int(everything[MEASURE["bot_lists"]]),
            robot_events=int(everything[MEASURE["bot_events"]]),
            duplicates=int(everything[MEASURE["duplicates"]]),
            demo_events=_demo_events(connection, span),
        ),
        waiting_hours=fresh.waiting,
        definitions=DEFINITIONS,
    )


def _by_day(counts: SpanCounts, span: Span) -> dict[datetime, Cells]:
    days: dict[datetime, Cells] = {}
    parts: dict[datetime, list[Cells]] = defaultdict(list)
    for piece in counts.pieces(span):
        if piece.days:
            days[piece.start] = piece.cells
        else:
            parts[day_start(piece.start)].append(piece.cells)
    days.update((day, with_sessions_counted(add_up(hours))) for day, hours in parts.items())
    return dict(sorted(days.items()))


def _by_hour(counts: SpanCounts, span: Span) -> dict[datetime, Cells]:
    hours = counts.hours(span)
    return {piece.start: with_sessions_counted(piece.cells) for piece in hours}


def _name(at: datetime, by: Breakdown) -> str:
    return at.date().isoformat() if by is Breakdown.DAY else at.isoformat()


def _of(cells: Cells, number: int | None) -> Array:
    found = np.flatnonzero(cells.measure_ids == number)
    row: Array = cells.measures[found[0]] if len(found) else np.zeros(len(MEASURES))
    return row


def _outcomes(row: Array, by: Breakdown) -> dict[str, float | int | None]:
    def of(name: str) -> float:
        return float(row[MEASURE[name]])

    searches = of("searches") + of("empty")
    of_box = by is not Breakdown.CATEGORY  # what is typed, and finds nothing, has no category
    return {
        "sessions": int(of("sessions")),
        "searches": int(searches),
        "searches_with_suggestion": share(of("suggested"), of("searches")),
        "sessions_with_suggestion": share(of("suggested_sessions"), of("sessions")) if of_box else None,
        "suggestion_ctr": share(of("chosen"), of("sequences")) if of_box else None,
        "mean_reciprocal_rank": share(of("reciprocal"), of("ranked")),
        "saved_keystrokes": share(of("saved"), of("saved_choices")),
        "saved_share": share(of("saved"), of("of_characters")),
        "search_ctr": share(of("clicked"), of("followed") + of("empty")),
        "zero_result_rate": share(of("empty"), searches) if of_box else None,
        "conversion": share(of("converted"), of("sessions")),
        "revenue_per_session": share(of("revenue"), of("sessions")),
        "engagement_score": share(of("score"), of("sessions")),
        "clicks": int(of("clicks")),
        "purchases": int(of("purchases")),
        "revenue": of("revenue"),
    }


def _demo_events(connection: Connection, span: Span) -> int:
    demo = select(func.count()).where(events.c.import_id.is_not(None), ~IS_TRAFFIC, span.holds(events.c.occurred_at))
    return connection.execute(demo).scalar_one()
