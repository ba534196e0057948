"""Searches that were ranked for a known shopper: by which values, and what followed. What a reranker learns from."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from core.domain import ACTION_WEIGHTS, Action
from core.personalization.features import FEATURES, LAYOUT
from core.text.normalize import normalize
from database.models import events, list_log

FloatArray = npt.NDArray[np.float32]

_ROWS_AT_ONCE = 500  # a list of 100 products with its values takes 30 KB
_LIKED = (
    Action.VIEW,
    Action.REVIEW_VIEW,
    Action.CLICK,
    Action.WISHLIST,
    Action.ADD_TO_CART,
    Action.PURCHASE,
)
_SIMPLY_SHOWN = "relevance"  # in another order the rank says nothing of the ranker


@dataclass(frozen=True, slots=True)
class TasteList:
    """The R products of one shown list that were ranked for its shopper, in the order shown."""

    request_id: str
    query: str  # normalised
    shopper: str  # user key, or else the session
    arm: str
    items: tuple[str, ...]
    ranks: npt.NDArray[np.int32]  # (R,) 1-based, absolute across pages
    scores: FloatArray  # (R,) in [0, 1], taste included
    liked: FloatArray  # (R,) weight of the strongest that followed (`ACTION_WEIGHTS`): 0 … 10
    features: FloatArray  # (R, F), as they were then
    propensity: FloatArray | None = None  # (R,) of its place; None: chance had no say
    natural: npt.NDArray[np.int32] | None = None  # (R,) rank before chance had it


class TasteLog:
    """The latest `at_most` shown searches that carry taste, in the order in which they were shown.

    Iterating reads them, a few hundred at a time, and counts in `other_layout` those whose values are of other features
    than this program computes: they are left out, as are lists sorted by anything but relevance.
    """

    def __init__(self, connection: Connection, at_most: int) -> None:
        self._connection, self._at_most = connection, at_most
        self.other_layout = 0

    def __iter__(self) -> Iterator[TasteList]:
        followed = _followed(self._connection)
        log = list_log.c
        searches = select(log.request_id, log.session_id, log.user_key, log.query, log.arm, log["items"]).where(
            log.kind == "search"
        )
        newest = select(log.created_at).where(log.kind == "search").order_by(log.created_at.desc())
        cut = self._connection.execute(newest.offset(self._at_most).limit(1)).scalar()
        if cut is not None:
            searches = searches.where(log.created_at > cut)
        ordered = searches.order_by(log.created_at, log.request_id)
        for row in self._connection.execute(ordered, execution_options={"yield_per": _ROWS_AT_ONCE}):
            request_id, session_id, user_key, query, arm, items = row
            kept = [item for item in items if "taste" in item and item["source"] == _SIMPLY_SHOWN]
            if not kept:
                continue
            if not all(_is_current(item["taste"]) for item in kept):
                self.other_layout += 1
                continue
            kept.sort(key=lambda item: int(item["rank"]))
            done = followed.get((request_id, session_id), {})
            yield TasteList(
                request_id,
                normalize(query),
                user_key or session_id,
                arm,
                tuple(item["item"] for item in kept),
                np.array([item["rank"] for item in kept], np.int32),
                np.array([item["score"] for item in kept], np.float32),
                np.array([liking(done.get(item["item"], ())) for item in kept], np.float32),
                np.array([item["taste"][1:] for item in kept], np.float32),
                *_drawn(kept),
            )


def _drawn(items: list[dict[str, Any]]) -> tuple[FloatArray | None, npt.NDArray[np.int32] | None]:
    if not any("propensity" in item for item in items):
        return None, None
    propensity = np.array([item.get("propensity", 1.0) for item in items], np.float32)
    return propensity, np.array([item.get("natural_rank", item["rank"]) for item in items], np.int32)


def liking(actions: Collection[Action]) -> float:
    """The weight of the strongest of what one shopper did with one product; a removal takes the cart back."""
    taken_back = Action.REMOVE_FROM_CART in actions
    counted = [action for action in actions if action in _LIKED and not (taken_back and action is Action.ADD_TO_CART)]
    return max((ACTION_WEIGHTS[action] for action in counted), default=0.0)


def _is_current(taste: Any) -> bool:
    return len(taste) == len(FEATURES) + 1 and taste[0] == LAYOUT


def _followed(connection: Connection) -> dict[tuple[str, str], dict[str, set[Action]]]:
    """By the list's request and session: what was done with its products. Another session's word does not count."""
    found: dict[tuple[str, str], dict[str, set[Action]]] = defaultdict(lambda: defaultdict(set))
    wanted = [action.value for action in (*_LIKED, Action.REMOVE_FROM_CART)]
    statement = select(events.c.request_id, events.c.session_id, events.c.item_id, events.c.action).where(
        events.c.action.in_(wanted),
        events.c.request_id.is_not(None),
        events.c.session_id.is_not(None),
        events.c.item_id.is_not(None),
    )
    for request_id, session_id, item_id, action in connection.execute(
        statement, execution_options={"yield_per": 10 * _ROWS_AT_ONCE}
    ):
        found[request_id, session_id][item_id].add(Action(action))
    return found
