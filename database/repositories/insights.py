"""What shoppers did in a span of time, counted from the two logs: events, and the lists that were shown.

A *search* is an event `search`, which /search itself stores for every query that found something, or a list of a search
that showed nothing. (Lists of searches are not counted as such: each further page is a list of its own.)
A *keystroke* is a list of suggestions for a prefix that is not empty: pages ask for the empty one when they open.

Everything is counted by the database, in a thread that no keystroke waits for (`Database.count`). This is the plain
count, which reads all of the span: the dashboard answers from stored counts that must say the same (`rollup_spans.py`),
and counts like this only while those are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)

from core.analytics.definitions import CHOSEN, CLICK_WINDOW_SECONDS, LEFT, LIST_KINDS, SEQUENCE_GAP_SECONDS, TYPED
from core.domain import Action
from database.models import events, list_log, lists_empty
from database.repositories.demo_traffic import IS_TRAFFIC, is_traffic

_WINDOW = timedelta(seconds=CLICK_WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` on, before `end`."""

    start: datetime
    end: datetime

    @property
    def before(self) -> "Span":
        """As long, and just before."""
        return Span(self.start - (self.end - self.start), self.start)

    def holds(self, at: ColumnElement[datetime]) -> ColumnElement[bool]:
        return and_(at >= self.start, at < self.end)

    def parts(self, count: int) -> list["Span"]:
        """Itself cut into `count` equal ones."""
        width = (self.end - self.start) / count
        edges = [self.start + number * width for number in range(count)] + [self.end]
        return [Span(*edges_of_one) for edges_of_one in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class Counts:
    """How often something happened in a span, or a list of that for its parts."""

    keystrokes: int
    searches: int
    clicks: int
    add_to_cart: int
    purchases: int


@dataclass(frozen=True, slots=True)
class Typing:
    """`sequences`: times that somebody typed into the box; `chosen`: those that ended with a suggestion."""

    sequences: int
    chosen: int


@dataclass(frozen=True, slots=True)
class Saved:
    """Of the choices that say what was typed: how many, and characters in all, of which `characters` were not typed."""

    choices: int
    characters: int
    of_characters: int


@dataclass(frozen=True, slots=True)
class SearchOutcomes:
    """Of the searches that found something and can be followed: how many, and how many saw a click. `empty`: others."""

    followed: int
    clicked: int
    empty: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """Sessions that did each of these and all before it, in whatever order."""

    searched: int
    clicked: int
    added_to_cart: int
    purchased: int


def happened(span: Span) -> ColumnElement[bool]:
    """Of an event in the span that somebody caused; demo shoppers are nobody."""
    return and_(span.holds(events.c.occurred_at), IS_TRAFFIC)


def did(action: Action, span: Span) -> ColumnElement[bool]:
    return and_(events.c.action == action.value, happened(span))


def was_shown(kind: str, span: Span) -> ColumnElement[bool]:
    return and_(list_log.c.kind == kind, span.holds(list_log.c.created_at))


def found_nothing(span: Span) -> ColumnElement[bool]:
    return and_(was_shown("search", span), lists_empty)


def count_in_parts(connection: Connection, parts: Sequence[Span]) -> list[Counts]:
    """One for each part. Each count reads a stretch of an index: faster than grouping by times that are computed."""

    def of_events(action: Action) -> list[int]:
        return _counted(connection, [_number(did(action, part)) for part in parts])

    keystrokes = [_number(and_(was_shown("suggest", part), list_log.c.query != "")) for part in parts]
    searches, empty = of_events(Action.SEARCH), _counted(connection, [_number(found_nothing(part)) for part in parts])
    return [
        Counts(*numbers)
        for numbers in zip(
            _counted(connection, keystrokes),
            [some + none for some, none in zip(searches, empty, strict=True)],
            of_events(Action.CLICK),
            of_events(Action.ADD_TO_CART),
            of_events(Action.PURCHASE),
            strict=True,
        )
    ]


def _number(where: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).where(where)


def _counted(connection: Connection, counts: Sequence[Select[int]]) -> list[int]:
    return list(connection.execute(select(*(one.scalar_subquery() for one in counts))).one())


def count_lists(connection: Connection, span: Span) -> dict[str, int]:
    """Shown lists by kind, every page and every empty prefix included."""
    numbers = _counted(connection, [_number(was_shown(kind, span)) for kind in LIST_KINDS])
    return dict(zip(LIST_KINDS, numbers, strict=True))


def count_sessions(connection: Connection, span: Span) -> int:
    """Different sessions that were shown a list or did something."""
    shown = select(list_log.c.session_id).where(list_log.c.kind.in_(LIST_KINDS), span.holds(list_log.c.created_at))
    acted = select(events.c.session_id).where(
        events.c.action.in_([action.value for action in Action]),  # named, so that the index is used
        happened(span),
        events.c.session_id.is_not(None),
    )
    return connection.execute(select(func.count()).select_from(union(shown, acted).subquery())).scalar_one()


def _seconds(at: ColumnElement[datetime]) -> ColumnElement[int]:
    return cast(extract("epoch", at), BigInteger)


def count_typing(connection: Connection, span: Span) -> Typing:
    """Keystrokes of one session are one sequence until a pause, a choice, a search or a click on a product.

    What began before the span is no sequence of it, but may end in it with a choice. Times count in whole seconds.
    """
    around = Span(span.start - _WINDOW, span.end)
    log, did_what = list_log.c, events.c.action
    lists = select(
        log.session_id.label("session_id"),
        log.created_at.label("at"),
        case((log.kind == "suggest", literal(TYPED)), else_=literal(LEFT)).label("what"),
    ).where(
        log.kind.in_(["suggest", "search"]), around.holds(log.created_at), or_(log.kind == "search", log.query != "")
    )
    acted = select(
        events.c.session_id,
        events.c.occurred_at,
        case((did_what == Action.SUGGESTION_CLICK.value, literal(CHOSEN)), else_=literal(LEFT)),
    ).where(
        did_what.in_([Action.SUGGESTION_CLICK.value, Action.SEARCH.value, Action.CLICK.value]),
        happened(around),
        events.c.session_id.is_not(None),
    )
    seen = union_all(lists, acted).subquery()

    def last(value: ColumnElement[int]) -> ColumnElement[int]:
        return func.lag(value).over(partition_by=seen.c.session_id, order_by=(seen.c.at, seen.c.what))

    steps = select(
        seen.c.at.label("moment"),
        seen.c.what,
        _seconds(seen.c.at).label("at"),
        last(seen.c.what).label("last"),
        last(_seconds(seen.c.at)).label("last_at"),
    ).subquery()
    after_typing = and_(steps.c.last.is_not(None), steps.c.last == TYPED)
    goes_on = and_(after_typing, steps.c.at - steps.c.last_at <= SEQUENCE_GAP_SECONDS)
    ends = and_(after_typing, steps.c.at - steps.c.last_at <= CLICK_WINDOW_SECONDS)
    found = connection.execute(
        select(
            func.count(case((and_(steps.c.what == TYPED, ~goes_on), 1))),
            func.count(case((and_(steps.c.what == CHOSEN, ends), 1))),
        ).where(steps.c.moment >= span.start)
    ).one()
    return Typing(*found)


def count_positions(connection: Connection, span: Span) -> dict[int, int]:
    """Choices by the 1-based position of the suggestion."""
    rank = events.c.item_rank
    found = select(rank, func.count()).where(did(Action.SUGGESTION_CLICK, span), rank.is_not(None)).group_by(rank)
    return {position: count for position, count in connection.execute(found)}  # noqa: C416  # rows are no tuples


def count_saved(connection: Connection, span: Span) -> Saved:
    """A query that is shorter than what was typed saved nothing."""
    typed = func.length(events.c.additional_data["prefix"].as_string())
    length = func.length(events.c.query)
    saved = case((typed < length, length - typed), else_=0)
    found = select(func.count(), func.coalesce(func.sum(saved), 0), func.coalesce(func.sum(length), 0)).where(
        did(Action.SUGGESTION_CLICK, span), typed.is_not(None), length.is_not(None)
    )
    return Saved(*connection.execute(found).one())


def count_clicked() -> ColumnElement[int]:
    """Of the events that a statement reads, those on whose list their session clicked a product within half an hour."""
    click = events.alias("clicks")
    clicked = exists().where(
        click.c.session_id == events.c.session_id,
        func.coalesce(click.c.action, "")
        == Action.CLICK.value,  # not by the index of actions: a session has few events
        click.c.request_id == events.c.request_id,
        (_seconds(click.c.occurred_at) - _seconds(events.c.occurred_at)).between(0, CLICK_WINDOW_SECONDS),
        is_traffic(click),
    )
    return func.count(case((and_(events.c.request_id.is_not(None), clicked), 1)))


def count_outcomes(connection: Connection, span: Span) -> SearchOutcomes:
    followed = select(func.count(events.c.request_id), count_clicked()).where(did(Action.SEARCH, span))
    [empty] = _counted(connection, [_number(found_nothing(span))])
    return SearchOutcomes(*connection.execute(followed).one(), empty)


def count_funnel(connection: Connection, span: Span) -> Funnel:
    steps = (Action.SEARCH, Action.CLICK, Action.ADD_TO_CART, Action.PURCHASE)
    done = [func.max(case((events.c.action == step.value, 1), else_=0)).label(step.value) for step in steps]
    sessions = (
        select(*done)
        .where(
            events.c.action.in_([step.value for step in steps]),
            happened(span),
            events.c.session_id.is_not(None),
        )
        .group_by(events.c.session_id)
        .subquery()
    )
    so_far = [and_(*(sessions.c[step.value] == 1 for step in steps[: number + 1])) for number in range(len(steps))]
    numbers: list[int] = list(connection.execute(select(*(func.count(case((met, 1))) for met in so_far))).one())
    return Funnel(*numbers)
