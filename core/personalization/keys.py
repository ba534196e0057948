"""Names as numbers of 32 bits: what profiles know things by."""

from collections.abc import Iterable
from enum import StrEnum
from zlib import crc32

import numpy as np
import numpy.typing as npt

KeyArray = npt.NDArray[np.uint32]

NO_KEY = 0  # of what has no name


class Space(StrEnum):
    """Kinds of names: `Apple` the brand is not `apple` the query term."""

    PRODUCT = "p"
    CATEGORY = "c"
    KIND = "k"  # pseudo-category
    BRAND = "b"
    ATTRIBUTE = "a"  # `name=value`
    TERM = "t"


def key_of(space: Space, name: str) -> int:
    """In [1, 2³²). CRC-32 of the case-folded name (product ids as they are): the same in every process and version.

    Among the hundred things of a profile and the two hundred of a list, two that are not the same meet once in 200,000
    lists.
    """
    text = name if space is Space.PRODUCT else name.casefold()
    return crc32(f"{space.value}\0{text}".encode("utf-8", "surrogatepass")) or 1


def keys_of(space: Space, names: Iterable[str | None]) -> KeyArray:
    """`NO_KEY` for None and for empty names."""
    return np.fromiter((key_of(space, name) if name else NO_KEY for name in names), np.uint32)
