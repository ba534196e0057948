"""What was loosened to find anything, in words for the shopper: true of the first product that is shown."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.retrieval.lexical import Asked
from core.retrieval.products import HOLDS_ALL, Matches, ProductIndex
from core.text.terms import terms_of_normalized

NEAREST_ONES = "no product has every word: showing the nearest ones"
NEAREST_IN_MEANING = "no product has these words: showing the nearest in meaning"


def relaxed(
    index: ProductIndex,
    asked: Sequence[Asked],
    text: str,
    matches: Matches,
    kept: npt.NDArray[np.bool_],
    best: int | None,
    dropped: str = "",
) -> str | None:
    """None where products have every part of the query, or nothing was found.

    `text`: the normalised query that is `asked`; `kept` `(R,)`: the matches that pass all filters; `best`: the row of
    the one that answers it best; `dropped`: limits of the query that left nothing, as typed.
    """
    if best is None:
        return None
    if matches.coverage[kept].max() > HOLDS_ALL:
        return f"without {dropped}" if dropped else None
    if not matches.lexical[kept].any():
        return f"{NEAREST_IN_MEANING}, without {dropped}" if dropped else NEAREST_IN_MEANING
    lacking = [part for part in asked if best not in index.lexical.matching_all([part])]
    if not lacking or len(lacking) == len(asked):
        return f"{NEAREST_ONES}, without {dropped}" if dropped else NEAREST_ONES
    missing = [_as_written(part, text) for part in lacking] + ([dropped] if dropped else [])
    return "without " + ", ".join(dict.fromkeys(missing))


def _as_written(part: Asked, text: str) -> str:
    """The words of `text` that this part comes from."""
    words = dict.fromkeys(text.split())
    for form in part.forms:
        said = [word for word in words if set(terms_of_normalized(word)) & set(form)]
        if said:
            return " ".join(said)
    return " ".join(part.terms)
