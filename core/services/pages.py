"""Orders of lists that were shown, so that their later pages go on where the first one ended."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.domain import SearchHit, SearchQuery, SearchReply

_ROWS_KEPT = 5_000_000  # of all lists together: 40 MB


@dataclass(frozen=True, slots=True)
class ShownOrder:
    """A whole list: `rows` in their order with `scores` beside, `ids` by row, and the reply that its pages share."""

    asked: SearchQuery  # with offset 0 and no page of another
    ids: Sequence[str]
    rows: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    reply: SearchReply

    def page(self, query: SearchQuery) -> SearchReply:
        """The reply with the part of the list that `query` asks for."""
        part = slice(query.offset, query.offset + query.limit)
        hits = tuple(
            SearchHit(self.ids[int(row)], round(float(score), 6))
            for row, score in zip(self.rows[part], self.scores[part], strict=True)
        )
        return replace(self.reply, hits=hits)


class ShownOrders:
    """The latest lists by the request id of their first page. Thread-safe; the least recently used goes first."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, ShownOrder] = OrderedDict()
        self._rows = 0
        self._lock = threading.Lock()

    def keep(self, request_id: str, order: ShownOrder) -> None:
        with self._lock:
            replaced = self._orders.pop(request_id, None)
            self._rows += len(order.rows) - (len(replaced.rows) if replaced else 0)
            self._orders[request_id] = order
            while self._rows > _ROWS_KEPT and len(self._orders) > 1:
                self._rows -= len(self._orders.popitem(last=False)[1].rows)

    def find(self, request_id: str, asked: SearchQuery) -> ShownOrder | None:
        """The list of this request, if it was asked for the same; None once it is forgotten."""
        with self._lock:
            order = self._orders.get(request_id)
            if order is None or order.asked != asked:
                return None
            self._orders.move_to_end(request_id)
            return order
