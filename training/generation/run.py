"""One generation run: starts × both models → candidates → gates → merged, with one file for each finished category.

Categories are independent, so they are shared out over processes; a run that is interrupted goes on with the
categories that have no file yet.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from core.domain import Source
from core.language_model.dynamic_beam import DynamicBeam
from core.language_model.stored_corpus import CORPUS, load_lines
from training.generation.gates import WellFormed, find
from training.generation.merging import merge
from training.generation.models import GenerationModels, generate, load_models, log_probs
from training.generation.starts import Start, starts_by_category

_PHRASE_WORDS = 4  # of a title's line that is a candidate as it is


OwnCategories = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """What a run does. `starts` are of all categories together, for each of the two models."""

    beam: DynamicBeam = DynamicBeam()  # noqa: RUF009  # frozen
    starts: int = 80_000  # more than the texts of a shop of 50,000 products hold
    min_start_weight: float = 2.0
    min_token_log_prob: float = -6.0  # mean over words and end
    min_end_probability: float = 0.05  # the model itself must think that the query is complete


@dataclass(frozen=True, slots=True)
class GeneratedQuery:
    """A kept query. `log_prob` is log p(query, end | category) under the model that generated it."""

    text: str
    category: int
    source: Source
    log_prob: float
    products: int | None  # None without a catalogue


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """How many candidates fell at which gate, in the order of the gates."""

    counts: dict[str, int]


def run_generation(
    folder: Path,
    work: Path,
    plan: GenerationPlan,
    known: Sequence[str],
    on_progress: Callable[[float, str], None] = lambda share, note: None,
    workers: int | None = None,
    own_categories: OwnCategories | None = None,
) -> tuple[list[GeneratedQuery], GenerationReport]:
    """Queries that the models of the version in `folder` generate and every gate lets through, best first.

    `known`: what shoppers typed already. `own_categories(texts)`: the last gate, the category of each text by its
    meaning. Files of finished categories go to `work` (removed by the caller).
    """
    work.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(folder, plan)
    workers = workers or os.cpu_count() or 1
    done = 0
    if workers == 1:
        _start_worker(folder, work, plan)
        for job in jobs:
            _category(job)
            done += 1
            on_progress(done / len(jobs), f"{done} of {len(jobs)} categories")
    elif jobs:
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (folder, work, plan))
        with pool:
            for _ in pool.map(_category, jobs):
                done += 1
                on_progress(done / len(jobs), f"{done} of {len(jobs)} categories")
    queries, counts = _collect(work, [category for category, _ in jobs], known)
    if own_categories:
        own = own_categories([query.text for query in queries])
        agreed = [query for query, category in zip(queries, own, strict=True) if query.category == category]
        counts["of another meaning"] = len(queries) - len(agreed)
        queries = agreed
    counts["kept"] = len(queries)
    return queries, GenerationReport(dict(counts))


Job = tuple[int, dict[str, list[Start]]]
_worker: "_Worker | None" = None  # of this process; set by the pool's initialiser, which can hand over nothing


@dataclass(frozen=True, slots=True)
class _Worker:
    models: GenerationModels
    well_formed: WellFormed
    phrases: dict[int, list[tuple[int, ...]]]  # short lines of the titles, candidates as they are
    work: Path
    plan: GenerationPlan


def _start_worker(folder: Path, work: Path, plan: GenerationPlan) -> None:
    global _worker
    models = load_models(folder)
    titles = load_lines(folder / CORPUS, "title")
    phrases: dict[int, list[tuple[int, ...]]] = {}
    for line in titles:
        if len(line.tokens) <= _PHRASE_WORDS and models.vocabulary.rare_id not in line.tokens:
            phrases.setdefault(line.category, []).append(line.tokens)
    well_formed = WellFormed(load_lines(folder / CORPUS, "query") + titles, models.vocabulary)
    _worker = _Worker(models, well_formed, phrases, work, plan)


def _jobs(folder: Path, plan: GenerationPlan) -> list[Job]:
    """Categories with the starts of each model, most work first, so that no process waits long for the last one."""
    vocabulary = load_models(folder).vocabulary
    sides = {Source.QUERY_MODEL: "query", Source.CATALOG_MODEL: "title"}
    everything = {side: load_lines(folder / CORPUS, side) for side in sides.values()}
    both = everything["query"] + everything["title"]
    jobs: dict[int, dict[str, list[Start]]] = {}
    for source in sides:
        found = starts_by_category(both, vocabulary, at_most=plan.starts, min_weight=plan.min_start_weight)
        for category, starts in found.items():
            jobs.setdefault(category, {})[source.value] = starts
    return sorted(jobs.items(), key=lambda job: (-sum(map(len, job[1].values())), job[0]))


def _category(job: Job) -> None:
    """Generates one category's queries and writes its file, unless it is there."""
    worker = _worker
    if worker is None:
        raise RuntimeError("the worker was not started")
    category, by_source = job
    file = worker.work / f"{category}.json"
    if file.exists():
        return
    models, vocabulary = worker.models, worker.models.vocabulary
    counts: Counter[str] = Counter()
    kept: list[GeneratedQuery] = []
    for name, starts in by_source.items():
        source = Source(name)
        if source not in models.models:
            continue
        candidates = generate(models, source, category, starts, worker.plan.beam)
        if source is Source.CATALOG_MODEL:
            candidates = list(dict.fromkeys([*candidates, *worker.phrases.get(category, ())]))
        counts["generated"] += len(candidates)
        formed = [tokens for tokens in candidates if worker.well_formed.accepts(tokens)]
        counts["not well formed"] += len(candidates) - len(formed)
        found: list[tuple[tuple[int, ...], str, int | None]] = []
        for tokens in formed:
            text = " ".join(vocabulary.words[token] for token in tokens)
            if models.products is None:
                found.append((tokens, text, None))
                continue
            result = find(models, text)
            counts["find nothing"] += result.products == 0
            counts["of another category"] += result.products > 0 and result.category != category
            if result.category == category:
                found.append((tokens, text, result.products))
        scores, ends = log_probs(models, source, category, [tokens for tokens, _, _ in found])
        for (tokens, text, products), score, end in zip(found, scores.tolist(), ends.tolist(), strict=True):
            if end < math.log(worker.plan.min_end_probability):
                counts["broken off"] += 1
            elif score / (len(tokens) + 1) < worker.plan.min_token_log_prob:
                counts["improbable"] += 1
            else:
                kept.append(GeneratedQuery(text, category, source, score, products))
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"counts": counts, "kept": [asdict(query) for query in kept]}), encoding="utf-8")
    partial.replace(file)


def _collect(work: Path, categories: Sequence[int], known: Sequence[str]) -> tuple[list[GeneratedQuery], Counter[str]]:
    """What all categories kept, duplicates merged, and the counts of all gates so far."""
    counts: Counter[str] = Counter()
    best: dict[str, GeneratedQuery] = {}
    for category in categories:
        content = json.loads((work / f"{category}.json").read_text(encoding="utf-8"))
        counts.update(content["counts"])
        for raw in content["kept"]:
            query = GeneratedQuery(**raw | {"source": Source(raw["source"])})
            earlier = best.get(query.text)
            if earlier is None or query.log_prob > earlier.log_prob:
                best[query.text] = query
    passed = counts["generated"] - sum(count for name, count in counts.items() if name != "generated")
    texts = merge(((query.text, query.log_prob / (1 + query.text.count(" "))) for query in best.values()), known)
    counts["duplicates and known"] = passed - len(texts)
    queries = sorted((best[text] for text in texts), key=lambda query: (-query.log_prob, query.text))
    return queries, counts
