"""Stored queries on their way into the pool: the one place that says what their weights stand for."""

from collections.abc import Iterable

from core.domain import Source
from core.retrieval.completion import Completion
from core.services.sources.contract import Match, Pool

STORED_SHARE = 0.3  # of the models' word: what they generate now has the rest


def add_entries(
    pool: Pool,
    entries: Iterable[Completion],
    match: Match,
    matched: str,
    *,
    cost: float = 0.0,
    generated_in_all: float = 1.0,
    share: float = STORED_SHARE,
) -> None:
    """Shoppers' own queries count by their weights; generated ones by their part of the weight `generated_in_all`,
    whose probability is `share`."""
    for entry in entries:
        seen = entry.source is Source.HISTORY
        pool.add(
            entry.text,
            entry.source,
            match,
            matched,
            cost=cost,
            weight=entry.weight if seen else 0.0,
            generated=0.0 if seen else share * entry.weight / generated_in_all,
            category=entry.category,
            product_count=entry.product_count,
        )
