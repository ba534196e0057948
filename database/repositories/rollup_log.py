"""What counting reads of the log (`core.analytics.log`): each part is one stretch of an index, or a lookup by id."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, column, exists, func, or_, select, values

from core.analytics.definitions import CLICK_WINDOW_SECONDS, LIST_KINDS, PURCHASE_WINDOW_SECONDS
from core.analytics.fold import fold, hour_of
from core.analytics.log import Did, EmptyList, LogStretch, Shown, ShownList, Visitor
from core.analytics.tally import Tally
from core.domain import Action
from database.models import events, list_log, lists_empty, products, sessions
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.statements import chunks

_ACTIONS = [action.value for action in Action]  # named, so that the index is used
_COUNTED = [
    one.value for one in (Action.SEARCH, Action.CLICK, Action.SUGGESTION_CLICK, Action.ADD_TO_CART, Action.PURCHASE)
]
_AROUND = [Action.SEARCH.value, Action.CLICK.value, Action.SUGGESTION_CLICK.value]
_WINDOW = timedelta(seconds=CLICK_WINDOW_SECONDS)
_DAY = timedelta(seconds=PURCHASE_WINDOW_SECONDS)


def fold_span(
    connection: Connection, start: datetime, end: datetime, *, measures: bool = True
) -> dict[datetime, Tally]:
    """The tally of each hour in `[start, end)` that has anything, or of the part of it that lies there.

    Without `measures` those of dimensions stay empty, which takes a third of the time.
    """
    if start >= end:
        return {}
    log = read_log(connection, start, end) if measures else read_totals(connection, start, end)
    return fold(log, start, end, measures=measures)


def read_totals(connection: Connection, start: datetime, end: datetime) -> LogStretch:
    """What no dimension needs is left out. What changes no total (views, …) comes once for each session."""
    others = [action for action in _ACTIONS if action not in _COUNTED]
    when = and_(events.c.occurred_at >= start, events.c.occurred_at < end, events.c.action.in_(others), IS_TRAFFIC)
    quiet = connection.execute(
        select(events.c.session_id, func.min(events.c.occurred_at)).where(when).group_by("session_id")
    )
    did = _read_events(connection, start, end, _COUNTED)
    did += [Did(session_id, at, "view", *[None] * 10) for session_id, at in quiet if session_id is not None]
    lists, empty = _read_lists(connection, start, end)
    return LogStretch(lists, empty, did, {}, {}, {}, {}, {})


def _read_lists(connection: Connection, start: datetime, end: datetime) -> tuple[list[ShownList], list[EmptyList]]:
    log = list_log.c
    around = and_(log.created_at >= start - _WINDOW, log.created_at < end)
    lists = connection.execute(
        select(log.session_id, log.created_at, log.kind, log.query).where(log.kind.in_(LIST_KINDS), around)
    )
    made = and_(log.created_at >= start, log.created_at < end)
    empty = connection.execute(
        select(log.session_id, log.created_at, log.query).where(log.kind == "search", made, lists_empty)
    )
    return [ShownList(*row) for row in lists], [EmptyList(*row) for row in empty]


def read_log(connection: Connection, start: datetime, end: datetime) -> LogStretch:
    lists, empty = _read_lists(connection, start, end)
    did = _read_events(connection, start, end, _ACTIONS)
    arms, of_lists = _read_arms(connection, start, end)
    bought = [one for one in did if one.action == Action.PURCHASE.value and start <= one.at < end]
    return LogStretch(
        lists=lists,
        empty=empty,
        events=did,
        shown=_read_searches(connection, start, end, arms),
        visitors=_read_visitors(connection, lists, did, start, end),
        arms_of_lists=of_lists,
        arms_of_purchases=_read_arms_of_purchases(connection, bought, start, end),
        prices=_read_prices(connection, {one.item_id for one in bought if one.item_id is not None}),
    )


def _read_events(connection: Connection, start: datetime, end: datetime, within: Sequence[str]) -> list[Did]:
    e = events.c
    columns = (
        e.session_id, e.occurred_at, e.action, e.item_id, e.query, e.normalized, e.item_rank, e.request_id,
        e.additional_data, e.facts["category"].as_string(), e.user_key,
    )  # fmt: skip
    found = []
    for actions, first, last in (
        (within, start, end),
        (_AROUND, start - _WINDOW, start),
        ([Action.CLICK.value], end, end + _WINDOW + timedelta(seconds=1)),
    ):
        when = and_(e.action.in_(actions), e.occurred_at >= first, e.occurred_at < last, IS_TRAFFIC)
        for row in connection.execute(select(*columns).where(when)):
            typed = quantity = price = None
            if row[8] is not None:
                more = row[8]
                typed, quantity, price = _text(more.get("prefix")), more.get("quantity"), more.get("price")
            found.append(Did(*row[:8], typed, quantity, price, row[9], row[10]))
    return found


def _text(said: object) -> str | None:
    """As databases read a value of JSON as text."""
    return said if said is None or isinstance(said, str) else json.dumps(said)


def _near(start: datetime, end: datetime) -> ColumnElement[bool]:
    at = list_log.c.created_at
    return and_(at >= start - _WINDOW, at < end + timedelta(minutes=1))


def _read_arms(
    connection: Connection, start: datetime, end: datetime
) -> tuple[dict[str, Shown], dict[tuple[str, datetime], tuple[str, ...]]]:
    """Of the lists that an experiment shaped: by request id, and by session and time."""
    log = list_log.c
    statement = select(log.request_id, log.session_id, log.created_at, log.experiments)
    rows = connection.execute(
        statement.where(log.kind.in_(LIST_KINDS), _near(start, end), log.experiments.is_not(None))
    ).all()
    by_request = {row[0]: Shown(row[2], _arms(row[3]), None) for row in rows}
    return by_request, {(row[1], row[2]): _arms(row[3]) for row in rows}


@lru_cache(maxsize=1_000)
def _arms(experiments: str) -> tuple[str, ...]:
    return tuple(f"arm:{name}={arm}" for name, arm in json.loads(experiments).items())


def _read_searches(
    connection: Connection, start: datetime, end: datetime, shown: dict[str, Shown]
) -> Mapping[str, Shown]:
    """`shown`, and the lists of searches with the category that their first product has in the catalogue."""
    log = list_log.c
    first = log["items"][(0, "item")].as_string()
    statement = (
        select(log.request_id, log.created_at, products.c.category)
        .select_from(list_log.join(products, products.c.product_id == first))
        .where(log.kind == "search", _near(start, end), products.c.category.is_not(None))
    )
    for request_id, at, category in connection.execute(statement):
        arms = shown[request_id].arms if request_id in shown else ()
        shown[request_id] = Shown(at, arms, category)
    return shown


def _read_visitors(
    connection: Connection, lists: Sequence[ShownList], did: Sequence[Did], start: datetime, end: datetime
) -> dict[tuple[str, datetime], Visitor]:
    """By session and hour. Who has no row in `sessions` is known by the events of that hour."""
    keys: dict[tuple[str, datetime], str | None] = {}
    for one in lists:
        if start <= one.at < end:
            keys[one.session_id, hour_of(one.at)] = None
    for act in did:
        if act.session_id is not None and start <= act.at < end:
            key = act.session_id, hour_of(act.at)
            keys[key] = max(filter(None, (keys.get(key), act.user_key)), default=None)
    devices: dict[str, tuple[str | None, str | None]] = {}
    for some in chunks(sorted({session for session, _ in keys})):
        rows = select(sessions.c.session_id, sessions.c.device, sessions.c.user_key)
        for session_id, device, user_key in connection.execute(rows.where(sessions.c.session_id.in_(some))):
            devices[session_id] = device, user_key
    users: dict[datetime, set[str]] = defaultdict(set)
    known = {}
    for (session_id, hour), user_key in keys.items():
        device, of_session = devices.get(session_id, (None, None))
        known[session_id, hour] = device, of_session or user_key
        if user := of_session or user_key:
            users[hour.replace(hour=0)].add(user)
    returning = {day: _seen_before(connection, some, day) for day, some in users.items()}
    return {
        (session_id, hour): Visitor(device, None if user is None else user in returning[hour.replace(hour=0)])
        for (session_id, hour), (device, user) in known.items()
    }


def _seen_before(connection: Connection, users: Iterable[str], day: datetime) -> set[str]:
    found: set[str] = set()
    for some in chunks(sorted(users)):
        whom = values(column("user_key", String), name="whom").data([(one,) for one in some]).cte()
        # One step into an index each, however long somebody's history is.
        acted = exists().where(events.c.user_key == whom.c.user_key, events.c.occurred_at < day)
        began = exists().where(sessions.c.user_key == whom.c.user_key, sessions.c.started_at < day)
        found.update(connection.execute(select(whom.c.user_key).where(or_(acted, began))).scalars())
    return found


def _read_arms_of_purchases(
    connection: Connection, bought: Sequence[Did], start: datetime, end: datetime
) -> dict[tuple[str, str, datetime], tuple[str, ...]]:
    """The arms of the list that the session's last click on that product within a day came from."""
    e, log = events.c, list_log.c
    shaped = select(log.request_id).where(log.kind.in_(LIST_KINDS), log.experiments.is_not(None))
    if not bought or connection.execute(shaped.limit(1)).first() is None:
        return {}
    clicks: dict[tuple[Any, Any], list[tuple[datetime, str]]] = defaultdict(list)
    for some in chunks(sorted({one.session_id for one in bought if one.session_id is not None})):
        statement = select(e.session_id, e.item_id, e.occurred_at, e.request_id).where(
            e.session_id.in_(some), e.occurred_at >= start - _DAY, e.occurred_at < end, e.action == Action.CLICK.value
        )
        for session_id, item_id, at, request_id in connection.execute(statement):
            clicks[session_id, item_id].append((at, request_id or ""))
    last = {}
    for one in bought:
        before = [click for click in clicks[one.session_id, one.item_id] if one.at - _DAY <= click[0] <= one.at]
        if before and one.session_id and one.item_id:
            last[one.session_id, one.item_id, one.at] = max(before)[1]
    arms: dict[str, tuple[str, ...]] = {}
    for asked in chunks(sorted(set(last.values()))):
        statement_of_lists = select(log.request_id, log.experiments).where(
            log.request_id.in_(asked), log.experiments.is_not(None)
        )
        arms.update((request_id, _arms(text)) for request_id, text in connection.execute(statement_of_lists))
    return {key: arms[request_id] for key, request_id in last.items() if request_id in arms}


def _read_prices(connection: Connection, items: Iterable[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for some in chunks(sorted(items)):
        rows = select(products.c.product_id, products.c.price).where(products.c.product_id.in_(some))
        found.update((item, price) for item, price in connection.execute(rows) if price is not None)
    return found
