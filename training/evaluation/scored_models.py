"""Neural models behind the contract of `training.evaluation.scoring`: ours, and the baselines."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from core.language_model.config import GruMnConfig
from core.language_model.decoder import Decoder
from core.language_model.gru_mn import GruMn
from core.language_model.next_token import NextTokenModel
from core.text.vocabulary import Vocabulary
from training.baselines.sizes import parameter_count

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]

_ROWS = 256  # read at once


class NeuralScored:
    """Probabilities of a torch model; all its end tokens count as one END."""

    normalized = True

    def __init__(self, model: NextTokenModel, vocabulary: Vocabulary, *, uses_category: bool) -> None:
        """`vocabulary` is the one the model was trained with: of one category, where it uses none."""
        self.model, self.vocabulary = model.eval(), vocabulary
        self.uses_category, self.categories = uses_category, vocabulary.categories
        self.parameters = parameter_count(model)

    def probabilities(self, tokens: IntArray, category: IntArray) -> FloatArray:
        """`(B, T + 1, C)` float32; see `ScoredModel`."""
        begin = np.array([self.vocabulary.bos_id(each) for each in category.tolist()], np.int64)[:, None]
        read = torch.from_numpy(np.concatenate([begin, tokens], 1))
        result = np.empty((len(tokens), tokens.shape[1] + 1, self.vocabulary.rare_id + 2), np.float32)
        with torch.inference_mode():
            for start in range(0, len(tokens), _ROWS):
                rows = slice(start, start + _ROWS)
                shares = torch.softmax(self.model(read[rows], torch.from_numpy(category[rows])), -1).numpy()
                result[rows] = self._folded(shares)
        return result

    def stepwise(self, tokens: Sequence[int], category: int) -> Iterator[FloatArray]:
        """T + 1 arrays `(C,)`, the model's state carried from word to word."""
        model: Any = self.model  # what a state is differs from model to model
        state = None
        group = torch.tensor([category])
        for token in (self.vocabulary.bos_id(category), *tokens):
            with torch.inference_mode():
                context, state = model.step(torch.tensor([[token]]), group, state)
                shares = torch.softmax(model.output(context)[0, 0], -1).numpy()
            yield self._folded(shares)

    def _folded(self, shares: FloatArray) -> FloatArray:
        words = self.vocabulary.rare_id + 1
        return np.concatenate([shares[..., :words], shares[..., words:].sum(-1, keepdims=True)], -1)


class GruMnScored(NeuralScored):
    """Our model: many queries at once in torch, one query word by word with the decoder that serves."""

    def __init__(self, model: GruMn, vocabulary: Vocabulary) -> None:
        super().__init__(model, vocabulary, uses_category=True)
        weights = {name: np.asarray(value.numpy(), np.float32) for name, value in model.state_dict().items()}
        self._decoder = Decoder(model.config, weights)

    @classmethod
    def load(cls, folder: Path, config: GruMnConfig, vocabulary: Vocabulary) -> "GruMnScored":
        """The published model in `folder` (`weights.safetensors`)."""
        model = GruMn(config)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
        return cls(model, vocabulary)

    def stepwise(self, tokens: Sequence[int], category: int) -> Iterator[FloatArray]:
        """T + 1 arrays `(C,)`, the tape carried from word to word."""
        state = self._decoder.start(np.array([category]), np.array([self.vocabulary.bos_id(category)]))
        yield self._folded(np.exp(self._decoder.log_probs(state)[0]))
        for token in tokens:
            state = self._decoder.advance(state, np.array([token]))
            yield self._folded(np.exp(self._decoder.log_probs(state)[0]))
