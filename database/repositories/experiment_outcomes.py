"""What the units of an experiment did since they were exposed, counted from the two logs.

A unit is found from a row of a log, not the other way round: the log is read once, in the order of its index, and the
exposure of whoever acted is looked up by its key.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Float, FromClause, Select, Table, and_, case, cast, func, select

from core.domain import ACTION_WEIGHTS, Action
from core.experiments.assignment import INTERLEAVED
from database.models import events, exposures, list_log, lists_empty, products
from database.repositories.demo_traffic import IS_TRAFFIC

BEFORE = timedelta(days=14)  # before the first exposure of all: what CUPED takes out
_COUNTED = {Action.CLICK: "clicks", Action.ADD_TO_CART: "carts", Action.PURCHASE: "purchases"}


@dataclass(frozen=True, slots=True)
class ExposedUnit:
    unit: str
    arm: str


@dataclass(frozen=True, slots=True)
class Exposed:
    """Who takes part: those by chance, the number of those by hand, and when the first one was exposed."""

    units: list[ExposedUnit]
    by_hand: int
    since: datetime | None


def find_exposed(connection: Connection, experiment: str) -> Exposed:
    table = exposures.c
    mine = table.experiment == experiment
    found = connection.execute(select(table.unit, table.arm).where(mine, ~table.chosen_by_hand).order_by(table.unit))
    units = [ExposedUnit(*row) for row in found]
    counted = select(func.count()).where(mine, table.chosen_by_hand)
    first = select(func.min(table.exposed_at)).where(mine, ~table.chosen_by_hand)
    return Exposed(units, connection.execute(counted).scalar_one(), connection.execute(first).scalar_one())


Count = tuple[str, str, float]
"""Unit, name of the count (`core.experiments.unit_metrics.Counted`), and how much."""


def count_outcomes(
    connection: Connection, experiment: str, *, by_session: bool, start: datetime, end: datetime
) -> Iterator[Count]:
    """Of everybody exposed before `end`: what they did from their exposure on, before `end`."""
    for table, at in ((events, events.c.occurred_at), (list_log, list_log.c.created_at)):
        since = and_(at >= exposures.c.exposed_at, at >= start, at < end)
        joined = _joined(table, experiment, by_session)
        yield from _counts(connection, table, joined, since, by_session)


def count_before(connection: Connection, experiment: str, *, by_session: bool, first: datetime) -> Iterator[Count]:
    """Of everybody exposed: what they did in the `BEFORE` before the `first` exposure of all."""
    for table, at in ((events, events.c.occurred_at), (list_log, list_log.c.created_at)):
        within = and_(at >= first - BEFORE, at < first)
        yield from _counts(connection, table, _joined(table, experiment, by_session), within, by_session)


def _counts(
    connection: Connection, table: Table, joined: FromClause, within: ColumnElement[bool], by_session: bool
) -> Iterator[Count]:
    unit = exposures.c.unit
    if table is list_log:
        typed = and_(list_log.c.kind == "suggest", list_log.c.query != "")
        empty = and_(list_log.c.kind == "search", lists_empty)
        for name, wanted in (("keystrokes", typed), ("empty_searches", empty)):
            found = select(unit, func.count()).select_from(joined).where(wanted, within).group_by(unit)
            yield from ((row[0], name, float(row[1])) for row in connection.execute(found))
        return
    happened = and_(events.c.action.in_([action.value for action in Action]), within, IS_TRAFFIC)
    for action, name in _COUNTED.items():
        yield from _summed(
            connection, joined, happened, events.c.action == action.value, {name: cast(func.count(), Float)}
        )
    yield from _summed(connection, joined, happened, None, {"engagement": func.sum(_weight())})
    rank = events.c.item_rank
    choices: Mapping[str, ColumnElement[float]] = {
        "choices": cast(func.count(), Float),
        "ranked_choices": cast(func.count(rank), Float),
        "reciprocal_ranks": func.coalesce(func.sum(1.0 / rank), 0.0),
    }
    yield from _summed(connection, joined, happened, events.c.action == Action.SUGGESTION_CLICK.value, choices)
    bought = joined.outerjoin(products, products.c.product_id == events.c.item_id)
    revenue = {"revenue": func.coalesce(func.sum(_paid()), 0.0)}
    yield from _summed(connection, bought, happened, events.c.action == Action.PURCHASE.value, revenue)
    yield from _searches(connection, joined, happened)


def _summed(
    connection: Connection,
    source: FromClause,
    happened: ColumnElement[bool],
    action: ColumnElement[bool] | None,
    sums: Mapping[str, ColumnElement[float]],
) -> Iterator[Count]:
    found = select(exposures.c.unit, *sums.values()).select_from(source).where(happened).group_by(exposures.c.unit)
    for row in connection.execute(found if action is None else found.where(action)):
        yield from ((row[0], name, float(value)) for name, value in zip(sums, row[1:], strict=True))


def _searches(connection: Connection, joined: FromClause, happened: ColumnElement[bool]) -> Iterator[Count]:
    """Searches that showed something, those that can be followed, and those whose list was clicked."""
    unit, request = exposures.c.unit, events.c.request_id

    def of(action: Action) -> Select[tuple[str, str | None]]:
        return select(unit.label("unit"), request.label("request")).select_from(joined).where(
            happened, events.c.action == action.value
        )  # fmt: skip

    searched = of(Action.SEARCH).subquery()
    clicked = of(Action.CLICK).where(request.is_not(None)).distinct().subquery()
    same = and_(clicked.c.unit == searched.c.unit, clicked.c.request == searched.c.request)
    found = (
        select(searched.c.unit, func.count(), func.count(searched.c.request), func.count(clicked.c.request))
        .select_from(searched.outerjoin(clicked, same))
        .group_by(searched.c.unit)
    )
    names = ("searches", "followed_searches", "clicked_searches")
    for row in connection.execute(found):
        yield from ((row[0], name, float(value)) for name, value in zip(names, row[1:], strict=True))


def _joined(table: Table, experiment: str, by_session: bool) -> FromClause:
    """The rows of a log with the exposure of whom they belong to."""
    session, user = table.c.session_id, table.c.user_key
    unit = "s:" + session
    if not by_session:
        unit = case((user.is_(None), "s:" + session), else_="u:" + user)
    return table.join(exposures, and_(exposures.c.experiment == experiment, exposures.c.unit == unit))


def _weight() -> ColumnElement[float]:
    return case({action.value: weight for action, weight in ACTION_WEIGHTS.items()}, value=events.c.action, else_=0.0)


def _paid() -> ColumnElement[float]:
    """What the event says, else one at the catalogue's price; 0 where neither knows. Storefronts may send anything:
    what no price or number of pieces can be counts as not said, as in `core.analytics.fold`."""

    def sensible(name: str) -> ColumnElement[float | None]:
        value = events.c.additional_data[name].as_float()
        return case((and_(value >= 0, value < 1e9), value))

    price: ColumnElement[float] = func.coalesce(sensible("price"), products.c.price, 0.0)
    quantity: ColumnElement[float] = func.coalesce(sensible("quantity"), 1.0)
    return price * quantity


def find_credits(
    connection: Connection, experiment: str, *, start: datetime, end: datetime, by_user: bool
) -> dict[str, float]:
    """Of an interleaving: what choices say for the treatment, by session, or `by_user` where there is one.

    Those that were shown a list of both arms and chose nothing that counts have 0. A thing chosen twice from one
    list counts once.
    """
    log = list_log.c
    shown = and_(log.experiments.is_not(None), log.created_at >= start, log.created_at < end)
    kinds = log.kind.in_(["suggest", "search", "browse"])
    whose = func.coalesce(log.user_key, log.session_id) if by_user else log.session_id
    named = select(whose, log.experiments).where(shown, kinds).distinct()
    credits = {
        session: 0.0
        for session, experiments in connection.execute(named)
        if json.loads(experiments).get(experiment) == INTERLEAVED
    }
    chosen = case((events.c.action == Action.CLICK.value, events.c.item_id), else_=events.c.query)
    choices = (
        select(log.request_id, whose, log.experiments, log["items"], chosen)
        .select_from(events.join(list_log, log.request_id == events.c.request_id))
        .where(
            events.c.action.in_([Action.CLICK.value, Action.SUGGESTION_CLICK.value]),
            and_(events.c.occurred_at >= start, events.c.occurred_at < end, IS_TRAFFIC),
            log.session_id == events.c.session_id,
            shown,
            chosen.is_not(None),
        )
    )
    counted: set[tuple[str, str]] = set()
    for request_id, session, experiments, items, what in connection.execute(choices):
        if json.loads(experiments).get(experiment) == INTERLEAVED and (request_id, what) not in counted:
            counted.add((request_id, what))
            credits[session] += sum(item.get("credit", 0.0) for item in items if item["item"] == what)
    return credits
