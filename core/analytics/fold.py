"""The counting itself: a stretch of the log → a tally for each of its hours (or parts of one).

An hour's tally follows from the log alone: counting it again, in whatever order and company, gives the same.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from core.analytics.definitions import (
    BOT,
    BOT_LISTS_PER_HOUR,
    BOT_LISTS_PER_MINUTE,
    BOUGHT,
    CHOSEN,
    CLICK_WINDOW_SECONDS,
    DUPLICATE_SECONDS,
    LEFT,
    POSITIONS,
    SEQUENCE_GAP_SECONDS,
    STEPS,
    TYPED,
    UNKNOWN,
    USED_SUGGESTIONS,
)
from core.analytics.log import Did, LogStretch
from core.analytics.tally import MEASURE, TOTAL, Tally, visit_hash
from core.domain import ACTION_WEIGHTS, Action
from core.text.normalize import normalize
from core.text.personal import looks_personal

_CLOCKS_DIFFER = 60.0  # seconds by which an event may seem older than its list
_WEIGHTS = {action.value: weight for action, weight in ACTION_WEIGHTS.items()}
_SEARCH, _CLICK, _CHOICE, _PURCHASE = "search", "click", "suggestion_click", "purchase"
_TOTAL_OF = {Action.SEARCH.value: "searches", "click": "clicks", "add_to_cart": "add_to_cart", "purchase": "purchases"}


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def fold(log: LogStretch, start: datetime, end: datetime, *, measures: bool = True) -> dict[datetime, Tally]:
    """By the hour; what lies outside `[start, end)` is there to tell what belongs together.

    Without `measures` those of dimensions, and who belongs to them, stay empty.
    """
    return _Fold(log, start, end, measures).tallies


class _Fold:
    def __init__(self, log: LogStretch, start: datetime, end: datetime, measures: bool) -> None:
        self.tallies: dict[datetime, Tally] = defaultdict(Tally)
        self._log, self._start, self._end = log, start, end
        self._values: dict[tuple[str, datetime], tuple[str, ...]] = {}
        self._of_sessions: dict[str | None, list[Did]] = defaultdict(list)
        for did in log.events:
            self._of_sessions[did.session_id].append(did)
        for some in self._of_sessions.values():
            some.sort(key=lambda did: did.at)
        self._measures = measures
        self._bots = self._find_bots() if measures else set()
        self._count_lists()
        self._count_typing()
        for session_id, some in self._of_sessions.items():
            self._count_events(session_id, some)

    def _holds(self, at: datetime) -> bool:
        return self._start <= at < self._end

    def _find_bots(self) -> set[tuple[str, datetime]]:
        """Sessions by the hour in which they ask for more lists than anybody can type."""
        lists = [one for one in self._log.lists if self._holds(one.at)]
        of_hours = Counter((one.session_id, hour_of(one.at)) for one in lists)
        few = {key for key, count in of_hours.items() if count > min(BOT_LISTS_PER_HOUR, BOT_LISTS_PER_MINUTE)}
        if not few:
            return few
        acted = {(did.session_id, hour_of(did.at)) for did in self._log.events if self._holds(did.at)}
        of_minutes = Counter((one.session_id, one.at.replace(second=0, microsecond=0)) for one in lists)
        fast = {(session, hour_of(at)) for (session, at), count in of_minutes.items() if count > BOT_LISTS_PER_MINUTE}
        return {key for key in few if key in fast or (of_hours[key] > BOT_LISTS_PER_HOUR and key not in acted)}

    def _of(self, session_id: str | None, at: datetime) -> tuple[str, ...]:
        """The values of the dimensions that a session has for an hour throughout."""
        if session_id is None:
            return "all:", f"device:{UNKNOWN}", f"visitor:{UNKNOWN}"
        key = session_id, hour_of(at)
        known = self._values.get(key)
        if known is None:
            visitor = self._log.visitors.get(key)
            kind = None if visitor is None else visitor.returning
            known = self._values[key] = (
                "all:",
                f"device:{(visitor.device if visitor else None) or UNKNOWN}",
                f"visitor:{UNKNOWN if kind is None else 'returning' if kind else 'new'}",
            )
        return known

    def _is_member(self, tally: Tally, session_id: str | None, values: Iterable[str], bits: int = 0) -> None:
        if session_id is not None:
            key = visit_hash(session_id)
            for value in values:
                tally.members[value, key] |= bits

    def _count_lists(self) -> None:
        for session_id, at, kind, query in self._log.lists:
            if not self._holds(at):
                continue
            tally = self.tallies[hour_of(at)]
            tally.totals[TOTAL[kind]] += 1
            if kind == "suggest" and query:
                tally.totals[TOTAL["keystrokes"]] += 1
                tally.note("keystrokes", at)
            tally.visits[visit_hash(session_id)] |= 0
            if not self._measures:
                continue
            values = self._of(session_id, at)
            is_bot = (session_id, hour_of(at)) in self._bots
            if is_bot:
                _add(tally, values, "bot_lists")
            arms = self._log.arms_of_lists.get((session_id, at), ())
            self._is_member(tally, session_id, (*values, *arms), BOT if is_bot else 0)
        for search in self._log.empty:
            tally = self.tallies[hour_of(search.at)]
            tally.totals[TOTAL["empty"]] += 1
            tally.note("empty", search.at)
            if not _looks_personal(search.query):
                tally.empty[_normalize(search.query) or search.query] += 1
            if self._measures and (search.session_id, hour_of(search.at)) not in self._bots:
                arms = self._log.arms_of_lists.get((search.session_id, search.at), ())
                _add(tally, (*self._of(search.session_id, search.at), *arms), "empty")

    def _count_typing(self) -> None:
        """Keystrokes of one session are one sequence until a pause, a choice, a search or a click on a product."""
        steps: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
        for session_id, at, kind, query in self._log.lists:
            if kind == "search" or (kind == "suggest" and query):
                steps[session_id].append((at, TYPED if kind == "suggest" else LEFT))
        for session, some in self._of_sessions.items():
            if session is not None:
                steps[session] += [
                    (did.at, CHOSEN if did.action == _CHOICE else LEFT)
                    for did in some
                    if did.action in (_CHOICE, _SEARCH, _CLICK)
                ]
        for session_id, box in steps.items():
            box.sort()
            last, last_at = LEFT, 0
            arms: tuple[str, ...] = ()
            for at, what in box:
                seconds = int(at.timestamp())
                counts = None
                if what == TYPED:
                    arms = self._log.arms_of_lists.get((session_id, at), ())
                if what == TYPED and not (last == TYPED and seconds - last_at <= SEQUENCE_GAP_SECONDS):
                    counts = "sequences"
                elif what == CHOSEN and last == TYPED and seconds - last_at <= CLICK_WINDOW_SECONDS:
                    counts = "chosen"
                if counts is not None and self._holds(at):
                    tally = self.tallies[hour_of(at)]
                    tally.totals[TOTAL[counts]] += 1
                    if self._measures and (session_id, hour_of(at)) not in self._bots:
                        _add(tally, (*self._of(session_id, at), *arms), counts)
                last, last_at = what, seconds

    def _count_events(self, session_id: str | None, some: list[Did]) -> None:
        key = None if session_id is None else visit_hash(session_id)
        clicks: dict[str, list[int]] = defaultdict(list)
        choices: dict[str, list[int]] = defaultdict(list)
        for did in some:
            if session_id is not None and did.action == _CLICK and did.request_id:
                clicks[did.request_id].append(int(did.at.timestamp()))
            elif session_id is not None and did.action == _CHOICE and did.normalized:
                choices[did.normalized].append(int(did.at.timestamp()))
        said: dict[tuple[object, ...], datetime] = {}
        for did in some:
            if not self._holds(did.at):
                continue
            action, hour = did.action, hour_of(did.at)
            tally = self.tallies[hour]
            clicked = suggested = False
            if action == _SEARCH:
                at = int(did.at.timestamp())
                clicked = did.request_id is not None and _within(clicks.get(did.request_id), at, CLICK_WINDOW_SECONDS)
                before = choices.get(did.normalized) if did.normalized else None
                suggested = _within(before, at - CLICK_WINDOW_SECONDS, CLICK_WINDOW_SECONDS)
            _count_totals(tally, did, clicked)
            if key is not None:
                tally.visits[key] |= STEPS.get(action, 0)
            if not self._measures:
                continue
            values = self._of(session_id, did.at)
            if (session_id, hour) in self._bots:
                _add(tally, values, "bot_events")
                self._is_member(tally, session_id, values, BOT)
                continue
            same = (hour, action, did.item_id, did.query, did.request_id)
            before_it, said[same] = said.get(same), did.at
            if session_id is not None and before_it and (did.at - before_it).total_seconds() < DUPLICATE_SECONDS:
                _add(tally, values, "duplicates")
                continue
            values = (*values, *self._of_event(did))
            _add(tally, values, "score", _WEIGHTS.get(action, 0.0))
            bits = _count_outcome(tally, did, values, clicked, suggested)
            if action == _PURCHASE:
                _add(tally, values, "revenue", _revenue(did, self._log.prices))
            self._is_member(tally, session_id, values, bits)

    def _of_event(self, did: Did) -> tuple[str, ...]:
        """The arms that it counts for, and the category of its product, or of the first product of a search."""
        category = () if did.category is None else (f"category:{did.category}",)
        if did.action == _PURCHASE:
            at = (did.session_id or "", did.item_id or "", did.at)
            return *self._log.arms_of_purchases.get(at, ()), *category
        shown = self._log.shown.get(did.request_id) if did.request_id else None
        if shown is None or not -_CLOCKS_DIFFER <= (did.at - shown.at).total_seconds() <= CLICK_WINDOW_SECONDS:
            return category
        if did.action == _SEARCH and shown.category is not None:
            category = (f"category:{shown.category}",)
        return *shown.arms, *category


def _count_outcome(tally: Tally, did: Did, values: tuple[str, ...], clicked: bool, suggested: bool) -> int:
    """Returns what it makes of the session, in bits."""
    if did.action == _SEARCH:
        for name, counts in (("searches", True), ("followed", did.request_id), ("clicked", clicked)):
            if counts:
                _add(tally, values, name)
        if suggested:
            _add(tally, values, "suggested")
    elif did.action == _CLICK:
        _add(tally, values, "clicks")
    elif did.action == _PURCHASE:
        _add(tally, values, "purchases")
        return BOUGHT
    elif did.action == _CHOICE:
        if did.item_rank is not None:
            _add(tally, values, "ranked")
            _add(tally, values, "reciprocal", 1 / did.item_rank)
        for name, amount in _saved(did).items():
            _add(tally, values, name, amount)
        return USED_SUGGESTIONS
    return 0


def _count_totals(tally: Tally, did: Did, clicked: bool) -> None:
    totals = tally.totals
    if did.action in _TOTAL_OF:
        totals[TOTAL[_TOTAL_OF[did.action]]] += 1
        tally.note(_TOTAL_OF[did.action], did.at)
    if did.action == _SEARCH:
        counts = (1, did.request_id is not None, clicked)
        totals[TOTAL["followed"]] += counts[1]
        totals[TOTAL["clicked"]] += clicked
        if did.normalized is not None and not _looks_personal(did.normalized):
            of_query = tally.queries[did.normalized]
            for column, count in enumerate(counts):
                of_query[column] += count
    elif did.action == _CLICK and did.item_id is not None:
        tally.products[did.item_id] += 1
    elif did.action == _CHOICE:
        if did.item_rank is not None:
            place = f"position_{did.item_rank}" if did.item_rank <= POSITIONS else "position_more"
            totals[TOTAL[place]] += 1
            totals[TOTAL["ranked"]] += 1
            totals[TOTAL["ranks"]] += did.item_rank
        for name, saved in _saved(did).items():
            totals[TOTAL[name]] += saved


def _saved(did: Did) -> Mapping[str, int]:
    """A query that is shorter than what was typed saved nothing."""
    if did.typed is None or did.query is None:
        return {}
    length = len(did.query)
    return {"saved_choices": 1, "saved": max(0, length - len(did.typed)), "of_characters": length}


def _revenue(did: Did, prices: Mapping[str, float]) -> float:
    """What the event says, else the catalogue's price and one piece."""
    price = _number(did.price)
    quantity = _number(did.quantity)
    if price is None:
        price = prices.get(did.item_id or "", 0.0)
    return price * (1.0 if quantity is None else quantity)


def _number(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < 1e9:
        return None
    return float(said)


def _within(times: list[int] | None, start: int, seconds: int) -> bool:
    """Whether one of the ascending times lies in `[start, start + seconds]`."""
    if not times:
        return False
    place = bisect_left(times, start)
    return place < len(times) and times[place] <= start + seconds


def _add(tally: Tally, values: Iterable[str], name: str, amount: float = 1.0) -> None:
    column = MEASURE[name]
    for value in values:
        tally.measures[value][column] += amount


_looks_personal = lru_cache(maxsize=50_000)(looks_personal)
_normalize = lru_cache(maxsize=50_000)(normalize)
