"""MiniLM on the search path: a BERT sentence encoder in ONNX Runtime, one text at a time, on one thread.

The library's encoder spends most of a short query's time, and seconds of every start, on machinery around forty small
matrix products. This runs those products alone: `core.text.bert_graph`, then the mean over tokens, unit length.

`encode` is equal to `sentence-transformers` to 1e-5 (tested). `encode_query` computes in 8 bits, in three fifths of the
time; its vectors have a cosine above 0.98 with the exact ones, and search ranks as well by them (LOG, 2026-11-25). Bulk
embedding still uses the library.
"""

import json
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from core.onnx_session import session_of
from core.text.bert_graph import INPUT, OUTPUT, bert_graph

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FloatArray = npt.NDArray[np.float32]

_MODULES = ["Transformer", "Pooling", "Normalize"]


class BertEncoder:
    """Reads a sentence-transformers folder of a BERT model with mean pooling and normalisation. Thread-safe."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        """Raises KeyError for weights that are not a BERT model's, OSError for files that are absent."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._weights_file = folder / "model.safetensors"
        self._layers: int = config["num_hidden_layers"]
        self._heads: int = config["num_attention_heads"]
        self._epsilon: float = config["layer_norm_eps"]
        self.dimensions: int = config["hidden_size"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._lock = threading.Lock()
        weights = load_file(self._weights_file)
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._quick = self._session(weights, eight_bit=True)

    def encode_query(self, text: str) -> FloatArray:
        """The unit vector `(D,)` of a query, in 8 bits."""
        return self._encode(text, self._quick)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Exact unit vectors `(N, D)`, one text after the other: for a few titles, not for catalogues."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        with self._lock:
            session = self._exact
        return np.stack([self._encode(text, session) for text in texts])

    def _encode(self, text: str, session: "InferenceSession") -> FloatArray:
        ids = self._tokenizer.encode(text).ids
        embedded = self._words[ids] + self._positions[: len(ids)]  # (T, D)
        hidden: FloatArray = session.run([OUTPUT], {INPUT: embedded[None]})[0]
        mean = hidden[0].mean(0)
        vector: FloatArray = mean / np.maximum(np.linalg.norm(mean), np.float32(1e-12))
        return vector

    @cached_property
    def _exact(self) -> "InferenceSession":
        return self._session(load_file(self._weights_file), eight_bit=False)

    def _session(self, weights: dict[str, FloatArray], *, eight_bit: bool) -> "InferenceSession":
        return session_of(bert_graph(weights, self._layers, self._heads, self._epsilon, eight_bit=eight_bit))


def is_supported(folder: Path) -> bool:
    """Whether `folder` holds what `BertEncoder` computes: BERT with GELU, mean pooling, unit length."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and [module["type"].rpartition(".")[2] for module in modules] == _MODULES
        and bool(pooling.get("pooling_mode_mean_tokens") or pooling.get("pooling_mode") == "mean")
        and (folder / "model.safetensors").is_file()
        and (folder / "tokenizer.json").is_file()
    )
