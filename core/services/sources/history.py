"""What shoppers completed, and what was generated for the version offline: literal completions from the index."""

from core.domain import Source
from core.retrieval.completions import Completions
from core.services.sources.contract import Keystroke, Match, Pool
from core.services.sources.entries import STORED_SHARE, add_entries

LOOKED_AT = 3  # times the limit: near duplicates are merged later
MODEL_SHARES = {Source.QUERY_MODEL: 0.6, Source.CATALOG_MODEL: 0.4}


class HistorySource:
    """Always asked: it takes microseconds."""

    name = "history"
    generates = False

    def __init__(self, completions: Completions) -> None:
        self._index = completions.by_source[Source.HISTORY]

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool:
        return True

    def add(self, keystroke: Keystroke, pool: Pool) -> None:
        typed = keystroke.typed.text
        entries, total = self._index.complete(typed, LOOKED_AT * keystroke.limit, keystroke.allowed)
        pool.seen += total
        add_entries(pool, entries, Match.LITERAL, typed)


class StoredSource:
    """Asked where the log alone does not fill the list with well-known queries."""

    name = "stored"
    generates = False

    def __init__(self, completions: Completions) -> None:
        present = {source: index for source in MODEL_SHARES if len(index := completions.by_source[source])}
        shares = sum(MODEL_SHARES[source] for source in present)
        self._indexes = [(index, MODEL_SHARES[source] / shares) for source, index in present.items()]

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool:
        return bool(self._indexes) and pool.last_weight(keystroke.limit) < pool.evidence * STORED_SHARE

    def add(self, keystroke: Keystroke, pool: Pool) -> None:
        typed = keystroke.typed.text
        for index, share in self._indexes:
            entries, total = index.complete(typed, keystroke.limit, keystroke.allowed)
            add_entries(pool, entries, Match.LITERAL, typed, generated_in_all=total, share=STORED_SHARE * share)
