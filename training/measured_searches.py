"""Which searches a candidate is measured on, and how both versions complete them.

Newest data: of the completed searches that the served version has not learnt, the last tenth. They are kept from the
candidate too, so both meet them for the first time. Where there are too few of them, the 5 % of all queries that no
language model learns from (`core.language_model.corpus.is_held_out`), with their own lines taken out of both versions'
completion indexes: each version knows some of them by heart, and that is not what is compared.
"""

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from config.progress import Update
from config.settings import Settings
from core.domain import WeightedQuery
from core.evaluation.metrics import reciprocal_rank, success_at
from core.language_model.corpus import is_held_out
from core.retrieval.completions import build_completions
from core.services.bundle import Bundle
from core.services.suggest import SuggestService
from database.connection import Database
from database.repositories.training_queries import TrainingQueryRepository
from training.evaluation.autosuggest import normalized_lines, random_prefixes
from training.gate import Outcome

NEWEST_SHARE = 0.1
AT_LEAST = 50  # fewer searches say too little: one of them is then more than twice the gate's tolerance
AT_MOST = 1_000


@dataclass(frozen=True, slots=True)
class NewestSearches:
    """Searches that both versions have yet to see: `texts`, none earlier than `since`."""

    texts: tuple[str, ...]
    since: datetime


async def newest_searches(
    database: Database, settings: Settings, learnt_before: datetime | None
) -> NewestSearches | None:
    """The last tenth of what was completed from `learnt_before` on (None: ever), or None where that is too little.

    At least `AT_LEAST` are kept back, and as many must be left to learn from.
    """
    async with database.reading() as session:
        queries = TrainingQueryRepository(session, settings.suggest.suggestion_min_shoppers)
        new = await queries.completions(learnt_before)
        wanted = min(AT_MOST, max(AT_LEAST, int(NEWEST_SHARE * new)))
        if new < 2 * wanted:
            return None
        found = await queries.newest(wanted, learnt_before)
        since = found[-1][1]
        # Logs that know only the day have many at one time: what is kept back must not be most of what is new.
        if await queries.completions(since) > new / 2:
            return None
    return NewestSearches(tuple(text for text, _ in found), since)


def unlearnt_queries(queries: Sequence[WeightedQuery], seed: int) -> list[str]:
    """At most `AT_MOST` of the texts that no language model learns from, drawn by `seed`."""
    held_out = [query.text for query in queries if is_held_out(query.text)]
    random.Random(seed).shuffle(held_out)
    return held_out[:AT_MOST]


def without_lines(bundle: Bundle, texts: Sequence[str]) -> Bundle:
    """The same version whose completion index does not hold `texts`."""
    known = frozenset(texts)
    kept = [entry for entry in bundle.completions.entries() if entry.text not in known]
    return dataclasses.replace(bundle, completions=build_completions(kept))


def complete_both(
    serving: Bundle, candidate: Bundle, texts: Sequence[str], seed: int, update: Update
) -> tuple[list[Outcome], list[Outcome]]:
    """How the two complete one random prefix of each text, in turn, so that a busy moment meets both."""
    services = SuggestService(serving), SuggestService(candidate)
    outcomes: tuple[list[Outcome], list[Outcome]] = ([], [])
    for number, (prefix, query) in enumerate(random_prefixes(texts, seed), 1):
        for service, list_of in zip(services, outcomes, strict=True):
            ranked = normalized_lines(service, prefix)
            list_of.append(
                Outcome(success_at(ranked, query, 10), reciprocal_rank(ranked, query, 10), float(bool(ranked)))
            )
        update(number / len(texts), f"{number:,} of {len(texts):,} searches")
    return outcomes
