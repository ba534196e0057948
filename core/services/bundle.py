"""Everything of one artifact version that serving needs: loaded once, swapped whole, immutable but for `current`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

from core.artifacts import ArtifactFolder, open_current, open_version
from core.categories.predictor import CategoryPredictor, shortlists
from core.domain import Scope
from core.drift.reference import Reference
from core.errors import ArtifactError
from core.language_model.config import GruMnConfig
from core.language_model.decoder import Decoder
from core.language_model.generate import QueryGenerator
from core.language_model.next_words import NextWords
from core.language_model.stored_corpus import CORPUS, load_lines
from core.personalization.features import FEATURES as TASTE_FEATURES
from core.personalization.reranker import Reranker, has_reranker, load_reranker
from core.ranking.ranker import FormulaRanker, Ranker, has_ranker, load_ranker
from core.retrieval.completions import Completions
from core.retrieval.products import ProductIndex
from core.retrieval.storage import load_completions, load_products
from core.services.blend import Blend
from core.services.corrections import KnownWords
from core.services.current_products import CurrentProducts
from core.text.correct import Corrector
from core.text.embedding import Encoder
from core.text.synonyms import Synonyms, load_synonyms
from core.text.vocabulary import Vocabulary

SHORTLIST_WORDS = 1_500
COUNTED_LINES = 200_000  # about 100 MB of counts
QUERY_MODEL, CATALOG_MODEL = "query_model", "catalog_model"  # folders of the artifact
COMPLETIONS, PRODUCTS, RANKING, RERANKING = "completions", "products", "ranking", "reranking"
FORMS, BLEND = "forms.json", "blend.json"
DRIFT = "drift.json"  # what traffic is compared with; versions that were made before there was one serve on
CATALOG_SEQ = "catalog_seq"  # the fact of a manifest that says which live change of the catalogue is the newest in it


@dataclass(frozen=True)
class Bundle:
    """One version: models, indexes and categories. What the shop's files could not give is None."""

    version: str
    manifest: Mapping[str, Any]
    vocabulary: Vocabulary
    category_names: tuple[str, ...]
    category_aliases: Mapping[str, frozenset[int]]  # case-folded names, ours and the shop's → pseudo-category ids
    predictor: CategoryPredictor
    known_words: KnownWords  # spelt as the catalogue spells them; of the log's, without a catalogue
    corrector: Corrector  # towards these
    query_model: QueryGenerator | None
    catalog_model: QueryGenerator | None
    completions: Completions
    forms: Mapping[str, str]  # normalised query → as shoppers mostly write it, where that differs
    blend: Blend
    products: ProductIndex | None  # as they were published
    encoder: Encoder | None
    ranker: Ranker = field(default_factory=FormulaRanker)
    reranker: Reranker | None = None  # learnt from lists that were shown; None: the formula ranks
    reranker_problem: str | None = None  # why the one that is there cannot be used
    stock: tuple[float, ...] = ()  # share of each category's products that can be bought; empty without a catalogue
    drift: Reference | None = None  # what the version was trained on, to compare traffic with
    current: CurrentProducts = field(init=False, repr=False, compare=False)  # `products`, and what they become since

    def __post_init__(self) -> None:
        object.__setattr__(self, "current", CurrentProducts(self.products))  # the one thing here that changes

    @property
    def has_catalog(self) -> bool:
        return self.products is not None

    def count_products(self, text: str) -> int | None:
        """How many products hold every term of the normalised `text`; None without a catalogue."""
        return self.current.count(text)

    def scopes(self, text: str) -> tuple[Scope, ...]:
        """The shop's categories that hold most of what `text` finds, if there are several."""
        return self.current.scopes(text)

    def best_products(self, text: str, limit: int) -> tuple[str, ...]:
        """Ids of the best products that hold every term of the normalised `text`; none without a catalogue."""
        return self.current.best(text, limit)


def load_bundle(
    artifacts: Path, embedding_model: str | None = None, version: str | None = None, synonyms: Path | None = None
) -> Bundle:
    """The named version in `artifacts`, or else the current one, with the shop's file of `synonyms`.

    Raises ArtifactError, with one line that says what is wrong, for a version that is absent, altered, inconsistent,
    or embedded with another model than `embedding_model`.
    """
    threadpool_limits(1, user_api="blas")  # products are small and requests run side by side: splitting one costs more
    folder = open_version(artifacts, version) if version else open_current(artifacts)
    try:
        return _load(folder, embedding_model, load_synonyms(synonyms) if synonyms else Synonyms())
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ArtifactError(f"artifact {folder.version} is inconsistent: {error}") from error


def load_prepared(folder: Path, embedding_model: str) -> Bundle:
    """What a training has written so far, before it becomes a version."""
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    manifest = {"version": "prepared", "embedding_model": embedding_model, "files": files}
    return _load(ArtifactFolder(folder, manifest), embedding_model, Synonyms())


def _load(folder: ArtifactFolder, embedding_model: str | None, synonyms: Synonyms) -> Bundle:
    vocabulary = Vocabulary.from_dict(folder.json("vocabulary.json"))
    categories = folder.json("categories.json")
    counts = np.load(folder.path / "category_words.npy")
    if counts.shape != (len(vocabulary.words), vocabulary.categories):
        raise ArtifactError(f"artifact {folder.version}: category counts do not fit the vocabulary")
    listed = shortlists(counts, SHORTLIST_WORDS)
    ranking = folder.path / RANKING if has_ranker(folder.path / RANKING) else None
    products = _products(folder, synonyms, ranking) if folder.has(f"{PRODUCTS}/ids.json") else None
    known = _known_words(vocabulary, products)
    reranker, problem = _reranker(folder.path / RERANKING)
    return Bundle(
        version=folder.version,
        manifest=folder.manifest,
        vocabulary=vocabulary,
        category_names=tuple(categories["names"]),
        category_aliases={name: frozenset(ids) for name, ids in categories["aliases"].items()},
        predictor=CategoryPredictor(vocabulary, counts, np.load(folder.path / "category_prior.npy")),
        known_words=KnownWords(known),
        corrector=Corrector(known),
        query_model=_model(folder, QUERY_MODEL, vocabulary, listed, _counted(folder, vocabulary)),
        catalog_model=_model(folder, CATALOG_MODEL, vocabulary, listed),
        completions=load_completions(folder.path / COMPLETIONS),
        forms=folder.json(FORMS),
        blend=Blend.from_dict(folder.json(BLEND)),
        products=products,
        encoder=_encoder(folder, embedding_model) if products else None,
        ranker=load_ranker(ranking) if ranking else FormulaRanker(),
        reranker=reranker,
        reranker_problem=problem,
        stock=_stock(folder, products, vocabulary.categories) if products else (),
        drift=Reference.from_dict(folder.json(DRIFT)) if folder.has(DRIFT) else None,
    )


def _reranker(folder: Path) -> tuple[Reranker | None, str | None]:
    """The reranker, if there is one that can be used, else why not: the formula is sound without it."""
    if not has_reranker(folder):
        return None, None
    try:
        return load_reranker(folder, TASTE_FEATURES), None
    except ArtifactError as error:
        return None, str(error)


def _products(folder: ArtifactFolder, synonyms: Synonyms, ranking: Path | None) -> ProductIndex:
    index = load_products(folder.path / PRODUCTS, np.load(folder.path / "product_categories.npy"), ranking)
    return replace(index, synonyms=synonyms)


def _stock(folder: ArtifactFolder, products: ProductIndex, categories: int) -> tuple[float, ...]:
    """What is not known to be sold out counts as there."""
    category = np.load(folder.path / "product_categories.npy")
    sold_out = np.bincount(category, products.columns.in_stock == 0, categories)
    return tuple((1 - sold_out / np.maximum(np.bincount(category, minlength=categories), 1)).tolist())


def _known_words(vocabulary: Vocabulary, products: ProductIndex | None) -> dict[str, float]:
    """Words with their counts. A log holds misspellings; what no product holds does not count as spelt right."""
    words = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
    words |= dict(zip(vocabulary.rare_words, vocabulary.rare_counts, strict=True))
    if products is None:
        return words
    return {word: count for word, count in words.items() if products.lexical.knows(word)}


def _model(
    folder: ArtifactFolder,
    name: str,
    vocabulary: Vocabulary,
    listed: "np.typing.NDArray[np.int64]",
    counted: NextWords | None = None,
) -> QueryGenerator | None:
    if not folder.has(f"{name}/config.json"):
        return None
    config = GruMnConfig.from_dict(folder.json(f"{name}/config.json"))
    if config.output_size != vocabulary.output_size or config.categories != vocabulary.categories:
        raise ArtifactError(f"artifact {folder.version}: the {name} was trained on another vocabulary")
    weights = load_file(folder.path / name / "weights.safetensors")
    return QueryGenerator(Decoder(config, weights), vocabulary, listed, counted=counted)


def _counted(folder: ArtifactFolder, vocabulary: Vocabulary) -> NextWords:
    """What followed what in the queries that the models learnt from, the most frequent `COUNTED_LINES` of them."""
    lines = load_lines(folder.path / CORPUS, "query")
    if len(lines) > COUNTED_LINES:
        lines = sorted(lines, key=lambda line: -line.weight)[:COUNTED_LINES]
    return NextWords(lines, ignored=frozenset({vocabulary.rare_id}))


def _encoder(folder: ArtifactFolder, embedding_model: str | None) -> Encoder:
    encoder = Encoder(embedding_model)
    made_with = folder.manifest["embedding_model"]
    if encoder.name != made_with:
        raise ArtifactError(
            f"artifact {folder.version} was embedded with {made_with}, EMBEDDING_MODEL is {encoder.name}: retrain"
        )
    return encoder
