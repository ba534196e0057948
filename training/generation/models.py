"""What generation reads of a version, from its folder: vocabulary, decoders, word shortlists, products."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

from core.categories.predictor import shortlists
from core.domain import Source
from core.language_model.beam import END, Expansion, IntArray
from core.language_model.config import GruMnConfig
from core.language_model.decoder import Decoder, DecoderState
from core.language_model.dynamic_beam import DynamicBeam, dynamic_beam_search
from core.retrieval.products import ProductIndex
from core.retrieval.storage import load_products
from core.services.bundle import CATALOG_MODEL, PRODUCTS, QUERY_MODEL
from core.text.vocabulary import Vocabulary
from training.generation.starts import Start

_SHORTLIST_WORDS = 1_500  # that a category continues with
_STARTS_AT_ONCE = 128
_SCORED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class GenerationModels:
    """`models` by the source of what they generate; `product_categories` `(P,)` beside `products`."""

    vocabulary: Vocabulary
    models: Mapping[Source, Decoder]
    shortlists: IntArray  # (K, S)
    products: ProductIndex | None
    product_categories: npt.NDArray[np.int32]


def load_models(folder: Path) -> GenerationModels:
    """The models and products of the version in `folder`, published or prepared."""
    threadpool_limits(1, user_api="blas")  # one process per core instead
    vocabulary = Vocabulary.from_dict(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))
    models = {}
    for source, name in ((Source.QUERY_MODEL, QUERY_MODEL), (Source.CATALOG_MODEL, CATALOG_MODEL)):
        if (folder / name).is_dir():
            config = GruMnConfig.from_dict(json.loads((folder / name / "config.json").read_text()))
            models[source] = Decoder(config, load_file(folder / name / "weights.safetensors"))
    has_products = (folder / PRODUCTS).is_dir()
    return GenerationModels(
        vocabulary,
        models,
        shortlists(np.load(folder / "category_words.npy"), _SHORTLIST_WORDS),
        load_products(folder / PRODUCTS) if has_products else None,
        np.load(folder / "product_categories.npy") if has_products else np.zeros(0, np.int32),
    )


def generate(
    models: GenerationModels, source: Source, category: int, starts: list[Start], parameters: DynamicBeam
) -> list[tuple[int, ...]]:
    """Distinct token sequences that one model continues `starts` with under `category`, starts included."""
    decoder, vocabulary = models.models[source], models.vocabulary
    choices = {category: np.concatenate([[vocabulary.eos_id(category)], models.shortlists[category]])}
    tokens = choices[category].copy()
    tokens[0] = END

    def expand(state: DecoderState) -> Expansion[DecoderState]:
        log_probs = decoder.shortlist_log_probs(state, choices)
        return Expansion(log_probs, np.broadcast_to(tokens, log_probs.shape), state)

    def step(state: DecoderState, rows: IntArray, chosen: IntArray) -> Expansion[DecoderState]:
        return expand(decoder.advance(state.take(rows), chosen))

    found: dict[tuple[int, ...], None] = {}
    for length in (1, 2):
        alike = [start.tokens for start in starts if len(start.tokens) == length]
        for at in range(0, len(alike), _STARTS_AT_ONCE):
            batch = alike[at : at + _STARTS_AT_ONCE]
            state = read(decoder, vocabulary, category, np.array(batch, np.int64))
            for hypothesis in dynamic_beam_search(expand(state), step, parameters):
                found[(*batch[hypothesis.root], *hypothesis.tokens)] = None
    return list(found)


def read(decoder: Decoder, vocabulary: Vocabulary, category: int, tokens: IntArray) -> DecoderState:
    """The state after the begin token of `category` and each row of `tokens` `(B, T)`."""
    rows = len(tokens)
    state = decoder.start(np.full(rows, category), np.full(rows, vocabulary.bos_id(category)))
    for at in range(tokens.shape[1]):
        state = decoder.advance(state, tokens[:, at])
    return state


def log_probs(
    models: GenerationModels, source: Source, category: int, queries: list[tuple[int, ...]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """log p(query, end | category) and log p(end | query, category), both `(Q,)`, over the whole vocabulary."""
    decoder, vocabulary = models.models[source], models.vocabulary
    result, ends = np.zeros(len(queries)), np.zeros(len(queries))
    by_length: dict[int, list[int]] = {}
    for index, query in enumerate(queries):
        by_length.setdefault(len(query), []).append(index)
    for indices in by_length.values():
        for at in range(0, len(indices), _SCORED_AT_ONCE):
            chosen = indices[at : at + _SCORED_AT_ONCE]
            tokens = np.array([(*queries[index], vocabulary.eos_id(category)) for index in chosen])
            rows = np.arange(len(chosen))
            state = decoder.start(np.full(len(chosen), category), np.full(len(chosen), vocabulary.bos_id(category)))
            for position in range(tokens.shape[1]):
                ends[chosen] = decoder.log_probs(state)[rows, tokens[:, position]]
                result[chosen] += ends[chosen]
                if position + 1 < tokens.shape[1]:
                    state = decoder.advance(state, tokens[:, position])
    return result, ends
