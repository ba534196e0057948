"""Incremental decoding of a GRU memory network in numpy: what serving runs.

The state of a row carries each layer's tape (hidden states and their projected keys), so one more word costs one step
and nothing that was read is ever read again. Equal to `gru_mn.GruMn` within 1e-5 (tested). numpy rather than torch: a
step is twenty small products, and torch's overhead per call is larger than the products.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.errors import ArtifactError
from core.language_model.config import GruMnConfig

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_SHORTLISTS_KEPT = 128  # weights of as many categories, 0.8 MB each at the small preset


@dataclass(frozen=True, slots=True)
class LayerState:
    """One layer's tape after t steps of N rows."""

    states: FloatArray  # h_1..h_t, (N, t, H)
    keys: FloatArray  # W_h h_i, (N, t, A)
    memory: FloatArray  # h̃_t, (N, H)


@dataclass(frozen=True, slots=True)
class DecoderState:
    """N rows that have read t tokens each; `context` `(N, C)` is h' of the last one."""

    layers: tuple[LayerState, ...]
    context: FloatArray
    category: IntArray  # (N,)

    def take(self, rows: IntArray) -> "DecoderState":
        """The state with row i taken from `rows[i]`; rows may repeat."""
        layers = tuple(
            LayerState(layer.states.take(rows, 0), layer.keys.take(rows, 0), layer.memory.take(rows, 0))
            for layer in self.layers
        )
        return DecoderState(layers, self.context.take(rows, 0), self.category.take(rows))


def stack(states: Sequence[DecoderState]) -> DecoderState:
    """One state with the rows of all, which must have read equally many tokens."""
    layers = tuple(
        LayerState(
            np.concatenate([layer.states for layer in parts]),
            np.concatenate([layer.keys for layer in parts]),
            np.concatenate([layer.memory for layer in parts]),
        )
        for parts in zip(*(state.layers for state in states), strict=True)
    )
    context = np.concatenate([state.context for state in states])
    return DecoderState(layers, context, np.concatenate([state.category for state in states]))


class _Layer:
    """Weights of one `GruMnLayer`, joined so that a step makes as few products as the recurrence allows."""

    def __init__(self, weights: Mapping[str, FloatArray], prefix: str) -> None:
        def transposed(name: str) -> FloatArray:
            return np.ascontiguousarray(weights[f"{prefix}{name}.weight"].T)

        gates, attend = transposed("input_gates"), transposed("attend_input")
        self.hidden, self.attention = gates.shape[1] // 3, attend.shape[1]
        self.inputs = np.ascontiguousarray(np.concatenate([gates, attend], 1))  # (I, 3H + A)
        self.bias = np.concatenate([weights[f"{prefix}input_gates.bias"], np.zeros(self.attention, np.float32)])
        self.memory_gates = transposed("memory_gates")
        self.memory_candidate = transposed("memory_candidate")
        self.attend_tape = transposed("attend_tape")
        self.attend_memory = transposed("attend_memory")
        self.score = weights[f"{prefix}attend_score.weight"][0]

    def empty(self, rows: int) -> LayerState:
        return LayerState(
            np.zeros((rows, 0, self.hidden), np.float32),
            np.zeros((rows, 0, self.attention), np.float32),
            np.zeros((rows, self.hidden), np.float32),
        )

    def step(self, x: FloatArray, tape: LayerState) -> LayerState:
        projected = x @ self.inputs + self.bias  # (N, 3H + A)
        memory = tape.memory
        if tape.states.shape[1]:
            query = projected[:, 3 * self.hidden :] + memory @ self.attend_memory  # (N, A)
            scores = np.tanh(tape.keys + query[:, None]) @ self.score  # (N, t)
            share = np.exp(scores - scores.max(1, keepdims=True))
            share /= share.sum(1, keepdims=True)
            memory = (share[:, None] @ tape.states)[:, 0]  # (N, H)
        gates = _sigmoid(projected[:, : 2 * self.hidden] + memory @ self.memory_gates)
        update, reset = gates[:, : self.hidden], gates[:, self.hidden :]
        candidate = np.tanh(projected[:, 2 * self.hidden : 3 * self.hidden] + (reset * memory) @ self.memory_candidate)
        state = update * memory + (1 - update) * candidate
        return LayerState(
            np.concatenate([tape.states, state[:, None]], 1),
            np.concatenate([tape.keys, (state @ self.attend_tape)[:, None]], 1),
            memory,
        )


class Decoder:
    """A trained model, ready to read and predict one token at a time. Thread-safe: holds weights only."""

    def __init__(self, config: GruMnConfig, weights: Mapping[str, FloatArray]) -> None:
        """Raises ArtifactError when a weight is missing or does not have the configured shape."""
        self.config = config
        try:
            self._output = weights["output.weight"]
            if config.tied:
                self._words = np.concatenate([self._output, weights["word_embedding.begins.weight"]])
            else:
                self._words = weights["word_embedding.weight"]
            categories = weights["category_embedding.weight"]
            self._categories = categories
            self._layers = [_Layer(weights, f"layers.{index}.") for index in range(len(config.hidden))]
            # What a category adds is the same at every step: one row of a table instead of a product.
            self._category_inputs = [
                categories @ weights[f"category_inputs.{index}.weight"].T + weights[f"category_inputs.{index}.bias"]
                for index in range(len(config.hidden))
            ]
            self._category_context = categories @ weights["category_context.weight"].T + weights["context.bias"]
            self._context = np.ascontiguousarray(weights["context.weight"].T)
            self._output_bias = weights["output.bias"]
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"language model weights do not fit: {error}") from error
        expected = [
            (self._words, (config.input_size, config.embedding)),
            (categories, (config.categories, config.category_embedding)),
            (self._output, (config.output_size, config.context)),
        ]
        if any(array.shape != shape for array, shape in expected):
            raise ArtifactError("language model weights do not have the configured shapes")
        self.shortlist_output = lru_cache(maxsize=_SHORTLISTS_KEPT)(self._shortlist_output)

    def start(self, categories: IntArray, bos_ids: IntArray) -> DecoderState:
        """The state after the begin tokens, one row per category."""
        rows = len(categories)
        layers = tuple(layer.empty(rows) for layer in self._layers)
        empty = DecoderState(layers, np.zeros((rows, self.config.context), np.float32), categories)
        return self.advance(empty, bos_ids)

    def advance(self, state: DecoderState, tokens: IntArray) -> DecoderState:
        """The state after each row i has read `tokens[i]` as well."""
        h: FloatArray = np.concatenate([self._words[tokens], self._categories[state.category]], 1)
        layers = []
        for layer, category_input, tape in zip(self._layers, self._category_inputs, state.layers, strict=True):
            tape = layer.step(np.maximum(category_input[state.category] + h, 0), tape)
            layers.append(tape)
            h = tape.states[:, -1]
        context = np.tanh(h @ self._context + self._category_context[state.category])
        return DecoderState(tuple(layers), context, state.category)

    def log_probs(self, state: DecoderState) -> FloatArray:
        """Log probabilities of every next token, `(N, output_size)`."""
        return log_softmax(self.logits(state, 0, self.config.output_size))

    def logits(self, state: DecoderState, low: int, high: int) -> FloatArray:
        """Logits of the tokens `low` … `high − 1`, `(N, high − low)`: comparable among each other, not normalised."""
        result: FloatArray = state.context @ self._output[low:high].T + self._output_bias[low:high]
        return result

    def _shortlist_output(self, category: int, ids: bytes) -> tuple[FloatArray, FloatArray]:
        chosen = np.frombuffer(ids, np.int64)
        return self._output[chosen].T, self._output_bias[chosen]  # BLAS reads a transposed matrix as it is

    def shortlist_logits(self, state: DecoderState, shortlists: Mapping[int, IntArray]) -> FloatArray:
        """Logits `(N, S)` of the S tokens of each row's category: comparable within a row, not normalised."""
        size = len(next(iter(shortlists.values())))
        logits = np.empty((len(state.category), size), np.float32)
        for category in np.unique(state.category).tolist():
            rows = state.category == category
            weight, bias = self.shortlist_output(category, shortlists[category].tobytes())
            logits[rows] = state.context[rows] @ weight + bias
        return logits

    def shortlist_log_probs(self, state: DecoderState, shortlists: Mapping[int, IntArray]) -> FloatArray:
        """Log probabilities `(N, S)` among the S tokens of each row's category, normalised over them alone."""
        return log_softmax(self.shortlist_logits(state, shortlists))


def softmax(logits: FloatArray) -> FloatArray:
    """Row-wise softmax of `(N, C)`, in the memory of `logits`."""
    logits -= logits.max(1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(1, keepdims=True)
    return logits


def log_softmax(logits: FloatArray) -> FloatArray:
    """Row-wise log softmax of `(N, C)`."""
    shifted = logits - logits.max(1, keepdims=True)
    result: FloatArray = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result


def _sigmoid(x: FloatArray) -> FloatArray:
    result: FloatArray = 0.5 * np.tanh(0.5 * x) + np.float32(0.5)
    return result
