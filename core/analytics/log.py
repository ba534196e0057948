"""What counting reads of the log of a stretch of time, and of a bounded time around it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple


class ShownList(NamedTuple):
    session_id: str
    at: datetime
    kind: str
    query: str


class EmptyList(NamedTuple):
    """A search whose list showed nothing."""

    session_id: str
    at: datetime
    query: str


class Shown(NamedTuple):
    """What the list of a request says of what was done with it. `arms`: `arm:experiment=arm` of those that shaped it;
    `category`: of its first product."""

    at: datetime
    arms: tuple[str, ...]
    category: str | None


class Did(NamedTuple):
    """An event. `typed`: the prefix of a choice; `quantity` and `price`: of a purchase, where it says them."""

    session_id: str | None
    at: datetime
    action: str
    item_id: str | None
    query: str | None
    normalized: str | None
    item_rank: int | None
    request_id: str | None
    typed: str | None
    quantity: object
    price: object
    category: str | None
    user_key: str | None


class Visitor(NamedTuple):
    device: str | None
    returning: bool | None  # None: a session without a user


class LogStretch(NamedTuple):
    """`lists`, `shown` (by request id), `arms_of_lists` (by session and time) and `events` reach beyond the stretch by
    `CLICK_WINDOW_SECONDS`, the rest does not. `visitors` by session and hour; `arms_of_purchases` by session, product
    and time; `prices`: the catalogue's, of what was bought.
    """

    lists: Sequence[ShownList]
    empty: Sequence[EmptyList]
    events: Sequence[Did]
    shown: Mapping[str, Shown]
    visitors: Mapping[tuple[str, datetime], Visitor]
    arms_of_lists: Mapping[tuple[str, datetime], tuple[str, ...]]
    arms_of_purchases: Mapping[tuple[str, str, datetime], tuple[str, ...]]
    prices: Mapping[str, float]
