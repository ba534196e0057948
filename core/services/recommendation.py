"""What a recommendation is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a product is recommended."""

    FOR_YOU = "for_you"
    SIMILAR = "similar"
    BOUGHT_TOGETHER = "bought_together"
    TRENDING = "trending"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`score` in [0, 1], descending within a reason."""

    product_id: str
    reason: Reason
    score: float
    explain: Mapping[str, float] | None = None
