"""What most shoppers type: the prefixes worth having ready before anyone asks."""

from collections import Counter

from core.domain import Source
from core.retrieval.completions import Completions

_QUERIES = 500  # the heaviest; their prefixes are what a shop is asked for most


def head_prefixes(completions: Completions, count: int) -> list[str]:
    """The `count` prefixes of the log's heaviest queries that are typed most, the most frequent first.

    Every query is taken to be typed letter by letter, so a prefix weighs what all its completions weigh. Ties go to
    the shorter, then to the alphabetically first.
    """
    log = completions.by_source[Source.HISTORY]
    rows = log.heaviest_rows(_QUERIES)
    typed: Counter[str] = Counter()
    for row, weight in zip(rows.tolist(), log.weights_of_rows(rows).tolist(), strict=True):
        text = log.texts[row]
        for end in range(1, len(text) + 1):
            typed[text[:end]] += weight
    return sorted(typed, key=lambda prefix: (-typed[prefix], len(prefix), prefix))[:count]
