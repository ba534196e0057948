"""From the database to a published version, step by step; each step's result stays in the work folder.

    embed → categories → cleaning → catalogue model → query model → product index → generation → publish

A run is named by a fingerprint of everything it depends on, and works below `<home>/work/<fingerprint>/`. Started
again, it takes up what is there; when a published version carries the fingerprint, there is nothing to do.
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from config.progress import Steps
from core import artifacts
from core.categories.assign import vote
from core.categories.clustering import Clustering, IntArray, cluster
from core.categories.naming import name_clusters, segments_of
from core.categories.predictor import category_word_counts
from core.domain import Product, WeightedQuery
from core.language_model.config import PRESETS, Preset
from core.language_model.corpus import HELD_OUT_AT_MOST, Line, is_held_out
from core.language_model.gru_mn import GruMn
from core.language_model.stored_corpus import CORPUS, save_lines
from core.retrieval.completions import build_completions
from core.retrieval.storage import save_completions, save_products
from core.services.blend import Blend
from core.services.bundle import (
    BLEND,
    CATALOG_MODEL,
    COMPLETIONS,
    DRIFT,
    FORMS,
    PRODUCTS,
    QUERY_MODEL,
    load_prepared,
)
from core.services.drift_traffic import build_reference
from core.text.embedding import Encoder, FloatArray, embed_cached
from core.text.vocabulary import Vocabulary, build_vocabulary, count_words
from training.blend_fitting import fit_blend
from training.corpora import Cleaning, Corpora, build_corpora, encoded
from training.fit import save_model
from training.generation.gates import by_meaning
from training.generation.index import completions
from training.generation.run import GeneratedQuery, GenerationPlan, run_generation
from training.plots import plot_curve
from training.ranking.publish import carry_over
from training.reranking.publish import carry_over as carry_over_reranker
from training.shop_data import ShopData
from training.train_language_model import TrainedModel, plan_from, train
from training.versions import new_version
from training.word_vectors import word_vectors

CLEANING = Cleaning()  # the steps that won on held-out queries; see LOG.md
_SMALL_VOCABULARY = 6_000  # distinct words; below, no word is rare
_TITLE_WEIGHT = 0.25  # of a title's word beside a query's, as evidence of the category of what is typed
_ALIAS_SHARE = 0.1  # a shop's category stands for the clusters that hold this share of its products


class Pipeline:
    """One run for one shop."""

    def __init__(self, home: Path, preset: Preset, embedding_model: str | None, steps: Steps, seed: int = 0) -> None:
        self._home, self._preset, self._embedding_model = home, preset, embedding_model
        self._steps, self._seed = steps, seed

    def run(
        self,
        data: ShopData,
        name: str,
        facts: Mapping[str, object] | None = None,
        *,
        candidates: Path | None = None,
    ) -> str:
        """Trains and publishes under the fingerprint `name`; returns the new version. `facts` join its manifest.

        `candidates`: the folder where the version is stored instead of being published.
        Raises ValueError for a shop without a single word.
        """
        if not data.products and not data.queries:
            raise ValueError("the files hold no words to learn from")
        work = self._home / "work" / name
        work.mkdir(parents=True, exist_ok=True)
        encoder = Encoder(self._embedding_model)
        title_vectors = self._embed(encoder, "Embedding titles", _titles(data))
        query_vectors = self._embed(encoder, "Embedding queries", [query.text for query in data.queries])
        clustering, query_categories = self._categories(data, title_vectors, query_vectors, work)
        corpora = build_corpora(
            data.products,
            clustering.labels if len(data.products) else np.zeros(0, np.int32),
            data.queries,
            query_categories,
            CLEANING,
        )
        vocabulary = self._vocabulary(corpora, clustering.count)
        titles, queries = encoded(corpora.title_lines(), vocabulary), encoded(corpora.queries, vocabulary)
        vectors = self._word_vectors(corpora, vocabulary, work)
        catalog_model = self._train(CATALOG_MODEL, titles, vocabulary, work, None, vectors)
        initial = catalog_model.model if catalog_model else None
        query_model = self._train(QUERY_MODEL, queries, vocabulary, work, initial, vectors)
        with self._steps.step("Building indexes"):
            prepared = work / "prepared"
            shutil.rmtree(prepared, ignore_errors=True)
            prepared.mkdir()
            self._write_categories(prepared, data, corpora, clustering, vocabulary)
            text = json.dumps(vocabulary.as_dict(), ensure_ascii=False)
            (prepared / "vocabulary.json").write_text(text, encoding="utf-8")
            sides = {"title": titles[0], "title_held_out": titles[1], "query": queries[0], "query_held_out": queries[1]}
            save_lines(sides, prepared / CORPUS)
            for folder, trained in ((CATALOG_MODEL, catalog_model), (QUERY_MODEL, query_model)):
                if trained:
                    save_model(trained.model, prepared / folder)
                    (prepared / folder / "curve.json").write_text(json.dumps(trained.curve, indent=1))
                    plot_curve(trained.curve, prepared / folder / "curve.png")
            if data.products:
                save_products(data.products, title_vectors, prepared / PRODUCTS)
                np.save(prepared / "product_categories.npy", clustering.labels)
                serving = artifacts.current_version(self._home / "artifacts")
                if serving:
                    previous = self._home / "artifacts" / serving
                    carry_over(previous, prepared, _titles(data), title_vectors)
                    carry_over_reranker(previous, prepared)
        known = list(zip(data.queries, query_categories.tolist(), strict=True))
        generated, report = self._generate(prepared, work / "generation", known, encoder)
        blend = self._fit_blend(prepared, data, encoder)
        with self._steps.step("Describing the log"):
            reference = build_reference(load_prepared(prepared, encoder.name), data.queries, self._seed)
            (prepared / DRIFT).write_text(json.dumps(reference.to_dict(), ensure_ascii=False), encoding="utf-8")
        version = new_version(self._home, name)
        manifest = {
            **(facts or {}),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "fingerprint": name,
            "preset": self._preset,
            "embedding_model": encoder.name,
            "counts": {
                "products": len(data.products),
                "queries": len(data.queries),
                "categories": clustering.count,
                "words": len(vocabulary.words),
                "generated": len(generated),
            },
            "cleaning": asdict(CLEANING),
            "generation": report,
            "blend": blend.as_dict(),
            "metrics": _metrics(catalog_model, query_model) | {"category_noise_share": clustering.noise_share},
        }
        with self._steps.step(f"Publishing {version}"):
            if candidates:
                artifacts.store(candidates, prepared, version, manifest)
            else:
                artifacts.publish(self._home / "artifacts", prepared, version, manifest)
                artifacts.remove_old(self._home / "artifacts")
        shutil.rmtree(work)
        return version

    def _embed(self, encoder: Encoder, name: str, texts: Sequence[str]) -> FloatArray:
        if not texts:
            return np.zeros((0, encoder.dimensions), np.float32)
        with self._steps.step(name) as update:
            return embed_cached(
                encoder, texts, self._home / "cache" / "embeddings",
                lambda done, total: update(done / max(1, total), f"{done:,} of {total:,}"),
            )  # fmt: skip

    def _categories(
        self, data: ShopData, titles: FloatArray, queries: FloatArray, work: Path
    ) -> tuple[Clustering, IntArray]:
        """Clusters of the titles and each query's by the vote of its nearest titles; without titles, of queries."""
        stored = work / "categories.npz"
        with self._steps.step("Finding pseudo-categories") as update:
            if stored.exists():
                with np.load(stored) as read:
                    known = Clustering(read["labels"], read["confidence"], read["centroids"], float(read["noise"]))
                    return known, read["queries"]
            update(0.1, "reducing and clustering, a minute or so")
            threads = torch.get_num_threads()
            if len(titles):
                clustering = cluster(titles, self._seed, [product.title for product in data.products])
                query_categories = vote(queries, titles, clustering.labels, clustering.count)[0]
            else:
                clustering = cluster(queries, self._seed, [query.text for query in data.queries])
                query_categories = clustering.labels
            torch.set_num_threads(threads)  # UMAP's compiled loops raise it for the whole process
            partial = work / "categories.partial.npz"
            np.savez(
                partial, labels=clustering.labels, confidence=clustering.confidence, centroids=clustering.centroids,
                noise=clustering.noise_share, queries=query_categories,
            )  # fmt: skip
            partial.replace(stored)
            return clustering, query_categories

    def _vocabulary(self, corpora: Corpora, categories: int) -> Vocabulary:
        sizes = PRESETS[self._preset]
        counts = count_words([(words, weight) for words, _, weight in [*corpora.titles, *corpora.queries]])
        min_count = sizes.min_count if len(counts) >= _SMALL_VOCABULARY else 0
        return build_vocabulary(counts, categories, min_count, sizes.max_words)

    def _word_vectors(self, corpora: Corpora, vocabulary: Vocabulary, work: Path) -> torch.Tensor:
        """What the words' embeddings start from, learnt from all lines but the held-out ones."""
        stored = work / "word_vectors.safetensors"
        with self._steps.step("Learning word vectors"):
            if stored.exists():
                return load_file(stored)["vectors"]
            lines = [words for words, *_ in [*corpora.titles, *corpora.queries] if not is_held_out(" ".join(words))]
            # The vocabulary as one more line: a word that only held-out lines have gets a vector too.
            vectors = word_vectors([*lines, vocabulary.words], vocabulary, PRESETS[self._preset].embedding, self._seed)
            save_file({"vectors": vectors}, stored)
            return vectors

    def _train(
        self,
        name: str,
        lines: tuple[Sequence[Line], Sequence[Line]],
        vocabulary: Vocabulary,
        work: Path,
        initial: GruMn | None,
        vectors: torch.Tensor,
    ) -> TrainedModel[GruMn] | None:
        training, held_out = lines
        if not training:
            return None
        titles = name == CATALOG_MODEL
        plan = plan_from(PRESETS[self._preset], vocabulary, titles=titles, lines=len(training), seed=self._seed)
        if not titles and initial is None:  # it learns everything, not only how queries differ from titles
            plan = dataclasses.replace(plan, learning_rate=PRESETS[self._preset].learning_rate)
        with self._steps.step(f"Training the {'catalogue' if titles else 'query'} model") as update:
            return train(plan, vocabulary, training, held_out[:HELD_OUT_AT_MOST], work / name, update, initial, vectors)

    def _generate(
        self, prepared: Path, work: Path, known: Sequence[tuple[WeightedQuery, int]], encoder: Encoder
    ) -> tuple[list[GeneratedQuery], dict[str, int]]:
        """Queries generated offline; with the known ones they become the completion index in `prepared`."""
        plan = GenerationPlan(starts=PRESETS[self._preset].generation_starts)
        with self._steps.step("Generating queries") as update:
            own = None
            if (prepared / "product_categories.npy").exists():
                own = by_meaning(prepared, encoder, self._home / "cache" / "embeddings", update)
            texts = [query.text for query, _ in known]
            generated, report = run_generation(prepared, work, plan, texts, update, own_categories=own)
            index = build_completions(completions(prepared, known, generated))
            save_completions(index, prepared / COMPLETIONS)
        return generated, report.counts

    def _fit_blend(self, prepared: Path, data: ShopData, encoder: Encoder) -> Blend:
        """The blend of sources for this shop, beside the spellings that lists are shown in, in `prepared`."""
        (prepared / FORMS).write_text(json.dumps(dict(data.forms), ensure_ascii=False), encoding="utf-8")
        (prepared / BLEND).write_text(json.dumps(Blend().as_dict()), encoding="utf-8")
        with self._steps.step("Fitting the blend") as update:
            bundle = load_prepared(prepared, encoder.name)
            blend = fit_blend(bundle, data.queries, PRESETS[self._preset].blend_examples, self._seed, update)
            (prepared / BLEND).write_text(json.dumps(blend.as_dict(), indent=1), encoding="utf-8")
        return blend

    def _write_categories(
        self, folder: Path, data: ShopData, corpora: Corpora, clustering: Clustering, vocabulary: Vocabulary
    ) -> None:
        segments = _segments(data.products) or [[tuple(query.text.split())] for query in data.queries]
        names = name_clusters(segments, clustering.labels.tolist(), clustering.count, corpora.queries)
        counts = category_word_counts(
            [*((w, c, _TITLE_WEIGHT * weight) for w, c, weight in corpora.titles), *corpora.queries], vocabulary
        )
        prior = np.full(clustering.count, 0.1)
        for _, category, weight in corpora.queries or corpora.titles:
            prior[category] += weight
        np.save(folder / "category_words.npy", counts.astype(np.float32))
        np.save(folder / "category_prior.npy", prior)
        np.save(folder / "category_centroids.npy", clustering.centroids)
        labels = clustering.labels if data.products else np.zeros(0, np.int32)
        content = {
            "names": names,
            "sizes": np.bincount(clustering.labels, minlength=clustering.count).tolist(),
            "aliases": {name: sorted(ids) for name, ids in _aliases(names, data.products, labels).items()},
        }
        (folder / "categories.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _segments(products: Sequence[Product]) -> list[list[tuple[str, ...]]]:
    return [segments_of(product.title) for product in products]


def _aliases(names: Sequence[str], products: Sequence[Product], labels: IntArray) -> Mapping[str, set[int]]:
    """Case-folded names of pseudo-categories and of the shop's own categories → pseudo-category ids."""
    aliases: dict[str, set[int]] = {name.casefold(): {index} for index, name in enumerate(names)}
    held: dict[str, dict[int, int]] = {}
    for product, label in zip(products, labels.tolist(), strict=False):
        if product.category:
            counts = held.setdefault(product.category.casefold(), {})
            counts[label] = counts.get(label, 0) + 1
    for category, counts in held.items():
        total = sum(counts.values())
        aliases.setdefault(category, set()).update(
            label for label, count in counts.items() if count >= _ALIAS_SHARE * total
        )
    return aliases


def _titles(data: ShopData) -> list[str]:
    return [product.title for product in data.products]


def _metrics(catalog: TrainedModel[GruMn] | None, query: TrainedModel[GruMn] | None) -> dict[str, float]:
    return {
        f"{name}_held_out_log_likelihood": trained.log_likelihood
        for name, trained in ((CATALOG_MODEL, catalog), (QUERY_MODEL, query))
        if trained
    }
