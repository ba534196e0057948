"""What the operators' rules do to a list of products: the arithmetic of `core.services.search_rules`."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from core.domain import Adjustment
from core.retrieval.columns import Coded, FloatArray, IntArray, ProductColumns


def adjustment(
    adjustments: Sequence[Adjustment], columns: ProductColumns, row_of: Callable[[str], int | None], rows: IntArray
) -> FloatArray:
    """What the rules add to the score of each of `rows`, `(R,)` in [−1, 1]: the sum of the strengths that fit it.

    `row_of` gives the row of a product id, None for one that the index does not hold.
    """
    added = np.zeros(len(rows), np.float32)
    for one in adjustments:
        if one.product_id is not None:
            row = row_of(one.product_id)
            if row is not None:
                added[rows == row] += one.strength
        elif one.field is not None and one.value is not None:
            coded = columns.field(one.field)
            if coded is not None:
                added[_with_value(coded, one.value, rows)] += one.strength
    return np.clip(added, -1, 1)


def count_with(columns: ProductColumns, rows: IntArray, field: str, value: str) -> int:
    """How many of `rows` have `value`, in any case, in `field`; 0 where the catalogue has no such field."""
    coded = columns.field(field)
    return 0 if coded is None else int(np.count_nonzero(_with_value(coded, value, rows)))


def with_pins(order: IntArray, pins: Sequence[tuple[int, int]]) -> IntArray:
    """`order` (row numbers, each once) with each pin `(row, 1-based position)` at its position.

    A row that is pinned and not in `order` is added. Pinned twice, the first pin counts; two rows at one position stand
    one after the other; what is pinned behind the end comes last. Every row occurs once.
    """
    places: dict[int, int] = {}
    for row, position in pins:
        places.setdefault(row, position)
    if not places:
        return order
    rest = order[~np.isin(order, list(places))]
    pieces: list[npt.NDArray[np.int32]] = []
    placed = taken = 0
    for row, position in sorted(places.items(), key=lambda pin: pin[1]):
        before = rest[taken : taken + max(position - 1 - placed, 0)]
        pieces += [before, np.array([row], np.int32)]
        placed += len(before) + 1
        taken += len(before)
    return np.concatenate([*pieces, rest[taken:]]).astype(order.dtype)


def _with_value(coded: Coded, value: str, rows: IntArray) -> npt.NDArray[np.bool_]:
    """Which of `rows` have `value`. Looks at the values of these rows only: a field may have a hundred thousand."""
    codes, folded = coded.codes[rows], value.casefold()
    wanted = [code for code in np.unique(codes).tolist() if code >= 0 and coded.values[code].casefold() == folded]
    return np.isin(codes, wanted)
