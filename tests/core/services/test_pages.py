"""Pages of one list keep its order; the oldest lists are forgotten."""

import numpy as np

from core.domain import Facets, SearchQuery, SearchReply
from core.services import pages
from core.services.pages import ShownOrder, ShownOrders


def shown(text: str, rows: int) -> ShownOrder:
    order = np.arange(rows, dtype=np.int32)
    return ShownOrder(
        SearchQuery(text),
        [str(at) for at in range(rows)],
        order,
        order.astype(np.float32),
        SearchReply((), rows, Facets(), {}),
    )


def test_a_list_is_found_by_its_request_and_for_the_same_question_only() -> None:
    orders = ShownOrders()
    orders.keep("r1", shown("lamp", 10))
    assert orders.find("r1", SearchQuery("lamp")) is not None
    assert orders.find("r1", SearchQuery("table")) is None
    assert orders.find("r2", SearchQuery("lamp")) is None


def test_the_least_recently_used_goes_first() -> None:
    orders = ShownOrders()
    kept = pages._ROWS_KEPT // 3
    for name in ("a", "b"):
        orders.keep(name, shown(name, 10))
    big = ShownOrder(
        SearchQuery("big"),
        [],
        np.zeros(3 * kept, np.int32),
        np.zeros(3 * kept, np.float32),
        SearchReply((), 0, Facets(), {}),
    )
    orders.find("a", SearchQuery("a"))
    orders.keep("big", big)
    assert orders.find("b", SearchQuery("b")) is None
    assert orders.find("big", SearchQuery("big")) is not None
