"""The paper's NQLM: a word LSTM (Hochreiter & Schmidhuber 1997), and NQLM+CC with the category joined to its input.

As in our own model a context layer stands before the softmax, so that embeddings and output layer have the same sizes
and what differs is the recurrent part.
"""

import torch
from torch import Tensor, nn

from core.language_model.next_token import NextTokenModel
from core.language_model.word_embedding import word_embedding
from training.baselines.sizes import BaselineConfig

State = tuple[Tensor, Tensor]


class LstmLanguageModel(NextTokenModel):
    """Context vectors from tokens, and from a category where there is more than one."""

    def __init__(self, config: BaselineConfig, width: int) -> None:
        """`width` is the size of every recurrent layer."""
        super().__init__()
        self.config, self.width = config, width
        inputs = config.embedding
        if config.uses_category:
            self.category_embedding = nn.Embedding(config.categories, config.category_embedding)
            nn.init.normal_(self.category_embedding.weight, std=0.1)
            inputs += config.category_embedding
        self.recurrent = nn.LSTM(inputs, width, config.layers, batch_first=True, dropout=config.between_layers)
        self.dropout = nn.Dropout(config.dropout)
        self.context = nn.Linear(width, config.context)
        self.output = nn.Linear(config.context, config.output_size)
        self.word_embedding = word_embedding(self.output, config.input_size, config.embedding, tied=config.tied)

    def contexts(self, tokens: Tensor, category: Tensor) -> Tensor:
        """`(B, T, context)` for `tokens` `(B, T)` under `category` `(B,)`."""
        return self.step(tokens, category, None)[0]

    def step(self, tokens: Tensor, category: Tensor, state: State | None) -> tuple[Tensor, State]:
        """The same after what `state` has read, and the state after `tokens` as well."""
        x = self.word_embedding(tokens)
        if self.config.uses_category:
            c = self.category_embedding(category)[:, None]
            x = torch.cat([x, c.expand(-1, tokens.shape[1], -1)], -1)
        h, state = self.recurrent(self.dropout(x), state)
        return torch.tanh(self.context(self.dropout(h))), state
