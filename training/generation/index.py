"""The completion index of a version: what shoppers typed and what the models generated, each with what it finds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.domain import Source, WeightedQuery
from core.retrieval.completion import Completion
from core.text.terms import asked_terms
from training.generation.models import load_models
from training.generation.run import GeneratedQuery


def completions(
    folder: Path, known: Sequence[tuple[WeightedQuery, int]], generated: Sequence[GeneratedQuery]
) -> list[Completion]:
    """Entries for the version in `folder`: `known` queries with their categories, and the `generated` ones.

    Where there is a catalogue, known queries that find nothing in it are left out: they are never suggested.
    A generated query weighs p(category) · p(query | category) per million searches. Both models' weights stand on their
    own scale: the service blends the sources, it never adds up their weights.
    """
    products = load_models(folder).products
    prior = np.load(folder / "category_prior.npy").astype(np.float64)
    share = prior / prior.sum()
    entries = []
    for query, category in known:
        count = products.count_matching(asked_terms(query.text)) if products else None
        if count != 0:
            weight = query.weight if query.recent is None else query.recent
            entries.append(Completion(query.text, weight, category, Source.HISTORY, count))
    entries += [
        Completion(
            query.text,
            1e6 * float(share[query.category] * np.exp(query.log_prob)),
            query.category,
            query.source,
            query.products,
            query.log_prob,
        )
        for query in generated
    ]
    return entries
