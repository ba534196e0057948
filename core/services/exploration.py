"""A chance for products that nobody knows: in a few lists one of them stands higher than it has earned.

What is never shown is never clicked, and what is never clicked ranks low for ever. The cost is bounded: `share` of the
lists, one product each, at `PLACE`, and only one that stands among the first `REACH_DOWN` anyway. Which lists these are
is decided by the request's id, so a later page of the list agrees.
"""

import math
from zlib import crc32

import numpy as np

from core.personalization.features import PLACE as FEATURE
from core.personalization.features import RARE
from core.retrieval.columns import IntArray
from core.services.merchandising import with_pins
from core.services.search_order import Scores
from core.services.taste import ListTaste

PLACE, REACH_DOWN = 5, 40
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
