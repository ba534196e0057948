"""Fits the blend to a shop: which of the candidates is the query that the shopper was typing?

Completions are drawn from the log as often as they were made, one random prefix each. A query is judged as if it had
been completed once less (leave one out): its own completion is taken out of what the sources found. One that then was
never completed stands for what nobody typed before; since the language models must not know it either, these are drawn
from the 5 % of queries that no model learns from, as often as queries of one completion occur in the log. So the fit
meets unseen queries in their true share (Good & Turing), and a list of judged queries, each there once, is all unseen.

The loss is the mean −log p(query) over the candidates (listwise softmax), held towards the defaults; how many
completions the models' word is worth is chosen by the same loss.
"""

import dataclasses
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from config.progress import Update
from core.domain import SuggestQuery, WeightedQuery
from core.language_model.corpus import is_held_out
from core.services.blend import FEATURES, Blend, features
from core.services.bundle import Bundle
from core.services.sources.contract import Candidate, Match, Pool
from core.services.suggest import SuggestService

FloatArray = npt.NDArray[np.float64]

EVIDENCE = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
_HOLD = 0.01  # of the squared distance from the defaults, beside nats
_FEWEST = 50  # examples; with fewer the defaults are kept
_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Example:
    """What the sources found for one prefix, the query's own completion taken out; `right` is its place."""

    typed: str
    pool: Pool
    candidates: tuple[Candidate, ...]
    right: int


def fit_blend(bundle: Bundle, queries: Sequence[WeightedQuery], count: int, seed: int, update: Update) -> Blend:
    """The blend for a shop with these `queries`, from `count` examples; the defaults where there are too few."""
    # While examples are gathered the models are always asked: whether they had better be, is what is found out here.
    asked = dataclasses.replace(bundle, blend=dataclasses.replace(Blend(), evidence=max(EVIDENCE)))
    service = SuggestService(asked, diversity=0)
    drawn = draw(queries, count, seed)
    generator = random.Random(seed)
    examples = []
    for number, query in enumerate(drawn):
        prefix = query.text[: generator.randint(1, len(query.text) - 1)]
        example = example_of(service, prefix, query)
        if example is not None:
            examples.append(example)
        if number % 20 == 0:
            update(number / len(drawn), f"{number:,} of {len(drawn):,} prefixes")
    return fitted(examples) if len(examples) >= _FEWEST else Blend()


def draw(queries: Sequence[WeightedQuery], count: int, seed: int) -> list[WeightedQuery]:
    """`count` completions; where a query has but one, it is replaced by one of these that no model learnt from."""
    long_enough = [query for query in queries if len(query.text) > 1]
    unlearnt = [query for query in long_enough if query.weight < 2 and is_held_out(query.text)]
    repeated = [query for query in long_enough if query.weight >= 2]
    once = sum(query.weight < 2 for query in long_enough)
    total = once + sum(query.weight for query in repeated)
    generator = random.Random(seed)
    unseen = round(count * once / total) if unlearnt and total else 0
    seen = min(count - unseen, round(sum(query.weight for query in repeated)))
    drawn = generator.choices(repeated, [query.weight for query in repeated], k=seen) if repeated else []
    drawn += generator.choices(unlearnt, k=min(unseen, 4 * len(unlearnt))) if unseen else []
    generator.shuffle(drawn)
    return drawn


def example_of(service: SuggestService, prefix: str, query: WeightedQuery) -> Example | None:
    """None where no source finds the query."""
    gathered = service.gather(SuggestQuery(prefix, limit=_LIMIT), math.inf)
    found = gathered.pool.candidates.get(query.text)
    if gathered.typed is None or found is None or found.match is not Match.LITERAL:
        return None
    own = query.recent / query.weight if query.recent is not None else 1.0
    left = found.weight - own if query.weight >= 2 else 0.0
    if left <= 0 and found.generated <= 0:
        return None
    pool = dataclasses.replace(
        gathered.pool,
        seen=max(0.0, gathered.pool.seen - (found.weight - left)),
        candidates=gathered.pool.candidates | {query.text: dataclasses.replace(found, weight=max(0.0, left))},
    )
    candidates = tuple(pool.candidates.values())
    right = next(at for at, candidate in enumerate(candidates) if candidate.text == query.text)
    return Example(gathered.typed.text, pool, candidates, right)


def fitted(examples: Sequence[Example]) -> Blend:
    """The blend of the least loss over all of `EVIDENCE`."""
    start = np.array([Blend().weights[name] for name in FEATURES])
    best, least = Blend(), math.inf
    for evidence in EVIDENCE:
        values, mask = matrix(examples, evidence)
        right = np.array([example.right for example in examples])
        found = minimize(loss_and_gradient, start, args=(values, mask, right, start), jac=True, method="L-BFGS-B")
        if found.fun < least:
            least = float(found.fun)
            weights = {name: round(float(value), 4) for name, value in zip(FEATURES, found.x, strict=True)}
            best = Blend(evidence, weights, Blend().session_weights)
    return best


def matrix(examples: Sequence[Example], evidence: float) -> tuple[FloatArray, FloatArray]:
    """Features `(N, C, F)` and a mask `(N, C)`: 0 for a candidate, −inf where there is none."""
    width = max(len(example.candidates) for example in examples)
    values = np.zeros((len(examples), width, len(FEATURES)))
    mask = np.full((len(examples), width), -np.inf)
    for row, example in enumerate(examples):
        pool = dataclasses.replace(example.pool, evidence=evidence)
        for column, candidate in enumerate(example.candidates):
            values[row, column] = features(candidate, pool, example.typed)
            mask[row, column] = 0.0
    return values, mask


def loss_and_gradient(
    weights: FloatArray, values: FloatArray, mask: FloatArray, right: npt.NDArray[np.int64], start: FloatArray
) -> tuple[float, FloatArray]:
    """Mean −log p of the right candidates and `_HOLD` · |weights − start|², with its gradient `(F,)`."""
    scores = values @ weights + mask
    scores -= scores.max(1, keepdims=True)
    shares = np.exp(scores)
    totals = shares.sum(1)
    rows = np.arange(len(right))
    loss = float((np.log(totals) - scores[rows, right]).mean() + _HOLD * ((weights - start) ** 2).sum())
    expected = np.einsum("nc,ncf->nf", shares / totals[:, None], values)
    gradient = (expected - values[rows, right]).mean(0) + 2 * _HOLD * (weights - start)
    return loss, gradient
