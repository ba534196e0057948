"""What chance does to lists: it shows what nobody knows yet, and swaps places so that clicks can be read.

**A chance for products that nobody knows**: in a few lists one of them stands higher than it has earned.

What is never shown is never clicked, and what is never clicked ranks low for ever. The cost is bounded: `share` of the
lists, one product each, at `PLACE`, and only one that stands among the first `REACH_DOWN` anyway. Which lists these are
is decided by the request's id, so a later page of the list agrees.

**Swapped places**: in a `share` of lists two of the first `SWAPPED` change places. How likely each product was to stand
where it stands is logged, so that the log can say what other rankers would be worth (`core.experiments.replay`).
"""

import math
from collections.abc import Mapping
from zlib import crc32

import numpy as np

from core.experiments.swapping import marginals, swap
from core.personalization.features import PLACE as FEATURE
from core.personalization.features import RARE
from core.retrieval.columns import IntArray
from core.services.merchandising import with_pins
from core.services.search_order import Scores
from core.services.taste import ListTaste

PLACE, REACH_DOWN = 5, 40
SWAPPED = 10
_UNKNOWN = math.log(RARE) + 1e-3  # the feature `popularity` of what nobody has engaged with


def explored(order: IntArray, scores: Scores, taste: ListTaste, request_id: str | None) -> tuple[IntArray, int | None]:
    """`order` (rows, best first) with an unknown product at `PLACE`, and its row; as it is (None) in most lists."""
    share = taste.shopper.formula.explore
    if request_id is None or crc32(request_id.encode()) >= share * 2**32:
        return order, None
    popularity = taste.taste.features[:, FEATURE["popularity"]]
    unknown = scores.rows[taste.at[popularity <= _UNKNOWN]]
    if len(unknown) == len(popularity):  # of this list nobody knows anything: nothing has been earned yet
        return order, None
    below = order[PLACE:REACH_DOWN]
    found = below[np.isin(below, unknown)]
    if not len(found):
        return order, None
    return with_pins(order, [(int(found[0]), PLACE)]), int(found[0])


def swapped(order: IntArray, share: float, request_id: str | None) -> tuple[IntArray, Mapping[int, tuple[float, int]]]:
    """`order` after the lot, and for each row of its first places the probability of its place and its rank before.

    Without a `share` or a request there is no lot, and nothing to say of it.
    """
    size = min(SWAPPED, len(order))
    if not share or request_id is None or size < 2:
        return order, {}
    ranks, chances = swap(size, share, request_id), marginals(size, share)
    first = order[:size][ranks]
    drawn = {
        row: (float(chances[rank, place]), rank + 1)
        for place, (row, rank) in enumerate(zip(first.tolist(), ranks.tolist(), strict=True))
    }
    return np.concatenate([first, order[size:]]), drawn
