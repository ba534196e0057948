"""MiniLM on the search path: a BERT sentence encoder in numpy.

The library's encoder spends most of a short query's time, and seconds of every start, on machinery around twenty small
matrix products. This is those products: post-norm BERT (Devlin et al. 2019), mean over tokens, unit length. Equal to
`sentence-transformers` to 1e-5 (tested); bulk embedding still uses the library.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

FloatArray = npt.NDArray[np.float32]

_ERF_P = np.float32(0.3275911)
_ERF = np.array([1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592], np.float32)
_MODULES = ["Transformer", "Pooling", "Normalize"]


class BertEncoder:
    """Reads a sentence-transformers folder of a BERT model with mean pooling and normalisation. Thread-safe."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        """Raises KeyError for weights that are not a BERT model's, OSError for files that are absent."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._heads: int = config["num_attention_heads"]
        self._epsilon: float = config["layer_norm_eps"]
        self.dimensions: int = config["hidden_size"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        weights = load_file(folder / "model.safetensors")
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = (weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])
        self._layers = [_Layer(weights, f"encoder.layer.{index}.") for index in range(config["num_hidden_layers"])]

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Unit vectors `(N, D)`, one text after the other: for single queries, not for catalogues."""
        return np.stack([self._encode(text) for text in texts]) if texts else np.zeros((0, self.dimensions), np.float32)

    def _encode(self, text: str) -> FloatArray:
        ids = self._tokenizer.encode(text).ids
        hidden = self._normalized(self._words[ids] + self._positions[: len(ids)], self._norm)  # (T, D)
        for layer in self._layers:
            hidden = self._normalized(hidden + layer.attention(hidden, self._heads), layer.attention_norm)
            hidden = self._normalized(hidden + layer.feed_forward(hidden), layer.output_norm)
        mean = hidden.mean(0)
        vector: FloatArray = mean / np.maximum(np.linalg.norm(mean), np.float32(1e-12))
        return vector

    def _normalized(self, x: FloatArray, norm: tuple[FloatArray, FloatArray]) -> FloatArray:
        centred = x - x.mean(1, keepdims=True)
        variance = np.square(centred).mean(1, keepdims=True)
        result: FloatArray = centred / np.sqrt(variance + np.float32(self._epsilon)) * norm[0] + norm[1]
        return result


class _Layer:
    """One transformer layer's weights; queries, keys and values in one product."""

    def __init__(self, weights: dict[str, FloatArray], prefix: str) -> None:
        def linear(name: str) -> tuple[FloatArray, FloatArray]:
            return np.ascontiguousarray(weights[f"{prefix}{name}.weight"].T), weights[f"{prefix}{name}.bias"]

        parts = [linear(f"attention.self.{name}") for name in ("query", "key", "value")]
        self._projection = np.ascontiguousarray(np.concatenate([weight for weight, _ in parts], 1))  # (D, 3D)
        self._projection_bias = np.concatenate([bias for _, bias in parts])
        self._joined = linear("attention.output.dense")
        self._inner, self._outer = linear("intermediate.dense"), linear("output.dense")
        self.attention_norm = self._norm(weights, f"{prefix}attention.output.LayerNorm")
        self.output_norm = self._norm(weights, f"{prefix}output.LayerNorm")

    @staticmethod
    def _norm(weights: dict[str, FloatArray], name: str) -> tuple[FloatArray, FloatArray]:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    def attention(self, x: FloatArray, heads: int) -> FloatArray:
        tokens, width = x.shape
        size = width // heads
        projected = (x @ self._projection + self._projection_bias).reshape(tokens, 3, heads, size)
        query, key, value = projected.transpose(1, 2, 0, 3)  # each (heads, T, size)
        scores = query @ key.transpose(0, 2, 1) * np.float32(size**-0.5)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        mixed = (share @ value).transpose(1, 0, 2).reshape(tokens, width)
        result: FloatArray = mixed @ self._joined[0] + self._joined[1]
        return result

    def feed_forward(self, x: FloatArray) -> FloatArray:
        inner: FloatArray = x @ self._inner[0]
        inner += self._inner[1]
        result: FloatArray = _gelu(inner) @ self._outer[0]
        result += self._outer[1]
        return result


def _gelu(x: FloatArray) -> FloatArray:
    """x/2 · (1 + erf(x/√2)), erf by Abramowitz & Stegun 7.1.26: at most 1.5e-7 off, in half the time of scipy's."""
    scaled = x * np.float32(2**-0.5)
    t = np.float32(1) / (np.float32(1) + _ERF_P * np.abs(scaled))
    share: FloatArray = _ERF[0] * t
    for coefficient in _ERF[1:]:
        share += coefficient
        share *= t
    np.square(scaled, out=scaled)
    share *= np.exp(np.negative(scaled, out=scaled), out=scaled)
    np.subtract(np.float32(1), share, out=share)  # erf |x/√2|
    np.copysign(share, x, out=share)
    share += np.float32(1)
    share *= x
    share *= np.float32(0.5)
    return share


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
