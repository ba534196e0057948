"""Our model without its memory tape: plain GRU layers (Cho et al. 2014), the category in all three places.

What it lacks against `core.language_model.gru_mn` is attention to past states, so the difference between both is what
the tape is worth ("+SA" in the paper's table).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.language_model.next_token import NextTokenModel
from core.language_model.word_embedding import word_embedding
from training.baselines.sizes import BaselineConfig

State = tuple[Tensor, ...]


class GruLanguageModel(NextTokenModel):
    """Context vectors from tokens and a category."""

    def __init__(self, config: BaselineConfig, width: int) -> None:
        """`width` is the size of every recurrent layer."""
        super().__init__()
        self.config, self.width = config, width
        self.category_embedding = nn.Embedding(config.categories, config.category_embedding)
        widths = [config.embedding + config.category_embedding, *[width] * config.layers]
        self.category_inputs = nn.ModuleList(nn.Linear(config.category_embedding, size) for size in widths[:-1])
        self.layers = nn.ModuleList(nn.GRU(size, width, batch_first=True) for size in widths[:-1])
        self.dropout = nn.Dropout(config.dropout)
        self.context = nn.Linear(width, config.context)
        self.category_context = nn.Linear(config.category_embedding, config.context, bias=False)
        self.output = nn.Linear(config.context, config.output_size)
        self.word_embedding = word_embedding(self.output, config.input_size, config.embedding, tied=config.tied)
        nn.init.normal_(self.category_embedding.weight, std=0.1)

    def contexts(self, tokens: Tensor, category: Tensor) -> Tensor:
        """`(B, T, context)` for `tokens` `(B, T)` under `category` `(B,)`."""
        return self.step(tokens, category, None)[0]

    def step(self, tokens: Tensor, category: Tensor, state: State | None) -> tuple[Tensor, State]:
        """The same after what `state` has read, and the state after `tokens` as well."""
        c = self.category_embedding(category)[:, None]  # (B, 1, C)
        h = torch.cat([self.word_embedding(tokens), c.expand(-1, tokens.shape[1], -1)], -1)
        states = []
        for index, (category_input, layer) in enumerate(zip(self.category_inputs, self.layers, strict=True)):
            h, last = layer(self.dropout(F.relu(category_input(c) + h)), state[index] if state else None)
            states.append(last)
        return torch.tanh(self.context(self.dropout(h)) + self.category_context(c)), tuple(states)
