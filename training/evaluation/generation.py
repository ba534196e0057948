"""What offline generation is worth: the paper's tables beside Table 5, for a published version.

Coverage: prefixes of held-out queries that the completion index leaves with 0–5 suggestions, from the log alone and
with what was generated. Quality: generations whose own category is not the one they were generated under (by the vote
of their embedding's nearest products, which the last gate asks too, and by the predictor, which no gate asks), that say
a thing twice, that end abruptly, that find nothing. Diversity: distinct categories and distinct words per suggestion
after one start word, for the generated queries and for vanilla beam search with the same model. Reach: products on the
first page of some suggestion.
"""

import random
from collections.abc import Sequence
from itertools import chain, combinations, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA
from rich.progress import track

from core.categories.assign import vote
from core.domain import Source
from core.errors import ArtifactError, NoCatalogError
from core.importing.queries import query_rows, read_queries
from core.retrieval.completion import SOURCES, Completion
from core.retrieval.completions import Completions, build_completions
from core.services.bundle import Bundle
from core.text.embedding import Encoder
from core.text.normalize import normalize
from core.text.terms import asked_terms, terms_of_normalized
from core.text.titles import JOINERS

_LENGTHS = range(3, 9)  # characters of a prefix
_FEW = 5  # suggestions
_SAMPLE = 3_000  # generations that are looked at one by one
_STARTS = 300  # words after which lists are compared
_LIST = 10
_LOOKED_AT = 50  # of each model, to find a list's beam groups among
_FIRST_PAGE = 20  # products
_ALIKE = 0.8  # similarity from which two words of one query say the same
_ABRUPT = 0.02  # probability of the end, under the query model, below which a query was broken off


def evaluate_generation(
    bundle: Bundle, artifacts: Path, queries: Path, limit: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """All figures as shares, and counts where the name says so.

    Raises NoCatalogError without products, ArtifactError for a version without generated queries.
    """
    if bundle.products is None or bundle.encoder is None:
        raise NoCatalogError("without products nothing says whether a generated query is any good")
    labels = np.load(artifacts / bundle.version / "product_categories.npy")
    everything = list(bundle.completions.entries())
    generated = [entry for entry in everything if entry.source is not Source.HISTORY]
    if not generated:
        raise ArtifactError(f"version {bundle.version} holds no generated queries")
    history = [entry for entry in everything if entry.source is Source.HISTORY]
    frame, _ = read_queries(queries)
    held_out = sorted({normalize(row.query) for row in query_rows(frame)} - {""})
    random.Random(0).shuffle(held_out)
    held_out = held_out[:limit]
    metrics = {"generated": float(len(generated)), "in the log": float(len(history))}
    metrics |= index_coverage(build_completions(history), bundle.completions, held_out)
    metrics |= _quality(bundle, random.Random(1).sample(generated, min(_SAMPLE, len(generated))), labels)
    metrics["finding nothing"] = float(np.mean([entry.product_count == 0 for entry in generated]))
    metrics |= list_diversity(bundle, held_out, labels)
    metrics |= _reach(bundle, history, generated)
    return metrics, {"file": queries.name, "queries": len(held_out)}


def index_coverage(before: Completions, after: Completions, queries: Sequence[str]) -> dict[str, float]:
    """Shares of the distinct prefixes of 3–8 characters with fewer than 1 … 5 suggestions, before and after."""
    prefixes = sorted({query[:length] for query in queries for length in _LENGTHS if length <= len(query)})
    lists = {"log alone": before, "with generation": after}
    metrics = {"prefixes": float(len(prefixes))}
    for name, index in lists.items():
        counts = np.array([_suggestions(index, prefix) for prefix in prefixes])
        for few in range(1, _FEW + 1):
            metrics[f"fewer than {few}, {name}"] = float((counts < few).mean())
    kept, had = metrics[f"fewer than {_FEW}, with generation"], metrics[f"fewer than {_FEW}, log alone"]
    metrics[f"fall of fewer than {_FEW}"] = 1 - kept / max(had, 1e-9)
    return metrics


def _suggestions(index: Completions, prefix: str) -> int:
    return sum(len(index.complete(prefix, _FEW, source)[0]) for source in SOURCES)


def _quality(bundle: Bundle, sample: Sequence[Completion], labels: npt.NDArray[np.int32]) -> dict[str, float]:
    own, likeliest = _own_categories(bundle, [entry.text for entry in sample], labels)
    wanted = np.array([entry.category for entry in sample])
    predicted = [
        bundle.predictor.likeliest(entry.text.split(), "", 3, None) for entry in sample
    ]  # what serving believes; no gate asks it
    beyond = [
        entry.category not in [category for category, _ in likely]
        for entry, likely in zip(sample, predicted, strict=True)
    ]
    return {
        "drift, predictor's three likeliest": float(np.mean(beyond)),
        "drift, nearest products' category": float((own != wanted).mean()),
        "drift, their three likeliest": float((likeliest != wanted[:, None]).all(1).mean()),
        "redundant": float(np.mean([is_redundant(entry.text) for entry in sample])),
        "ending abruptly": float(np.mean([_is_abrupt(bundle, entry) for entry in track(sample, "endings")])),
    }


def _own_categories(
    bundle: Bundle, texts: Sequence[str], labels: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The category of each text by its nearest products `(N,)`, and its three likeliest `(N, 3)`."""
    if bundle.products is None:
        raise NoCatalogError("there are no products to vote")
    encoder = Encoder(str(bundle.manifest["embedding_model"]))
    vectors = encoder.encode_many(list(texts))
    products = bundle.products.dense.all()
    count = len(bundle.category_names)
    first = vote(vectors, products, labels, count)[0]
    ranked = np.empty((len(texts), 3), np.int32)
    for row, vector in enumerate(vectors):
        similarity = products @ vector
        nearest = np.argpartition(-similarity, 19)[:20]
        votes = np.bincount(labels[nearest], np.maximum(similarity[nearest], 1e-3) ** 4, count)
        ranked[row] = np.argsort(-votes, kind="stable")[:3]
    return first, ranked


def is_redundant(text: str) -> bool:
    """Whether two words of the normalised `text` say the same: equal stems, or nearly equal spelling."""
    words = [word for word in text.split() if word.isalpha() and len(word) > 3]
    stems = terms_of_normalized(" ".join(words))
    if len(set(stems)) < len(stems):
        return True
    return any(OSA.normalized_similarity(left, right) >= _ALIKE for left, right in combinations(words, 2))


def _is_abrupt(bundle: Bundle, entry: Completion) -> bool:
    words = entry.text.split()
    if words[-1] in JOINERS:
        return True
    model = bundle.query_model or bundle.catalog_model
    if model is None or entry.category is None:
        return False
    tokens = tuple(bundle.vocabulary.encode(words))
    state = model.read(tokens, [entry.category])
    return float(model.end_probability(state)[0]) < _ABRUPT


def list_diversity(bundle: Bundle, queries: Sequence[str], labels: npt.NDArray[np.int32]) -> dict[str, float]:
    """Distinct categories and words per suggestion, of lists of equal length after the same first word.

    What was generated is listed twice: by weight, as the index is asked in service, and the best of every beam group
    first, which nothing serves yet. Vanilla beam search is the query model's under the likeliest category.
    """
    model = bundle.query_model or bundle.catalog_model
    if model is None:
        return {}
    seen = sorted({query.split()[0] for query in queries} & set(bundle.vocabulary.words) - JOINERS)
    random.Random(2).shuffle(seen)
    lists: dict[str, list[list[str]]] = {"by weight": [], "by group": [], "vanilla beam": []}
    for word in track(seen[:_STARTS], "lists"):
        weighed, grouped = weighed_list(bundle.completions, word + " "), grouped_list(bundle.completions, word + " ")
        likeliest = bundle.predictor.likeliest([word], "", 1)
        vanilla = [" ".join(line.words) for line in model.generate([word], "", likeliest, limit=_LIST, width=_LIST)]
        length = min(len(weighed[:_LIST]), len(vanilla))
        if length >= 3:
            for name, texts in (("by weight", weighed), ("by group", grouped), ("vanilla beam", vanilla)):
                lists[name].append(texts[:length])
    metrics = {"lists compared": float(len(lists["vanilla beam"]))}
    if not metrics["lists compared"]:
        return metrics
    flat = sorted({text for listed in chain.from_iterable(lists.values()) for text in listed})
    own = dict(zip(flat, _own_categories(bundle, flat, labels)[0].tolist(), strict=True))
    for name, listed in lists.items():
        total = sum(map(len, listed))
        categories = sum(len({own[text] for text in texts}) for texts in listed)
        words = sum(len({word for text in texts for word in text.split()}) for texts in listed)
        metrics[f"distinct categories per suggestion, {name}"] = categories / total
        metrics[f"distinct words per suggestion, {name}"] = words / total
    base = metrics["distinct categories per suggestion, vanilla beam"]
    for name in ("by weight", "by group"):
        metrics[f"distinct categories, {name} ÷ vanilla"] = (
            metrics[f"distinct categories per suggestion, {name}"] / base
        )
    return metrics


def weighed_list(index: Completions, prefix: str) -> list[str]:
    """What both models generated for `prefix`, the heaviest of each in turn."""
    lists = [index.complete(prefix, _LOOKED_AT, source)[0] for source in (Source.QUERY_MODEL, Source.CATALOG_MODEL)]
    turns = chain.from_iterable(zip_longest(*lists))
    return list(dict.fromkeys(entry.text for entry in turns if entry is not None))


def grouped_list(index: Completions, prefix: str) -> list[str]:
    """The same, the best of every beam group first, at most ten.

    A group is what Algorithm 1 opens after its start: here, the word after `prefix`. Groups do not compete.
    """
    opened: set[str] = set()
    first: list[str] = []
    rest: list[str] = []
    for text in weighed_list(index, prefix):
        following = text[len(prefix) :].split(" ", 1)[0]
        (rest if following in opened else first).append(text)
        opened.add(following)
    return [*first, *rest][:_LIST]


def _reach(bundle: Bundle, history: Sequence[Completion], generated: Sequence[Completion]) -> dict[str, float]:
    """Share of the products on the first page of some suggestion: the best by BM25 of those that hold its terms."""
    products = bundle.products
    if products is None:
        return {}
    rows = {product_id: row for row, product_id in enumerate(products.ids)}
    reached = np.zeros(len(products.ids), bool)
    shares = []
    for name, entries in (("log", history), ("generated", generated)):
        for entry in track(entries, f"reach of the {name}"):
            for product_id in products.best_holding_all(asked_terms(entry.text), _FIRST_PAGE):
                reached[rows[product_id]] = True
        shares.append(float(reached.mean()))
    return {
        "products reached, log alone": shares[0],
        "products reached, with generation": shares[1],
        "products reached, points gained": 100 * (shares[1] - shares[0]),
    }
