"""A causal transformer from scratch: the architecture of GPT-2 (Radford et al. 2019) in `transformers`, at our size.

The category, where it is used, is joined to every word's embedding and projected to the model's width: the counterpart
of NQLM+CC ("GPT2 + CC" in the paper's table).
"""

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GPT2Config, GPT2Model

from core.language_model.next_token import NextTokenModel
from core.language_model.word_embedding import word_embedding
from training.baselines.sizes import BaselineConfig

_HEADS = 4
_BLOCKS_A_LAYER = 2  # of ours
_POSITIONS = 32  # learnt position vectors: lines have up to ten words and a begin mark


class TransformerLanguageModel(NextTokenModel):
    """Context vectors from tokens, and from a category where there is more than one."""

    def __init__(self, config: BaselineConfig, width: int) -> None:
        """`width` is that of the blocks' inner layers; everywhere else they are as wide as a word's embedding."""
        super().__init__()
        self.config, self.width = config, width
        size = config.embedding
        if config.uses_category:
            self.category_embedding = nn.Embedding(config.categories, config.category_embedding)
            nn.init.normal_(self.category_embedding.weight, std=0.1)
            self.joined = nn.Linear(size + config.category_embedding, size)
        shape = GPT2Config(
            vocab_size=1,  # the words are embedded above
            bos_token_id=None,
            eos_token_id=None,
            n_positions=_POSITIONS,
            n_embd=size,
            n_inner=width,
            n_layer=_BLOCKS_A_LAYER * config.layers,
            n_head=_HEADS,
            embd_pdrop=config.dropout,
            attn_pdrop=config.dropout,
            resid_pdrop=config.dropout,
        )
        self.blocks = GPT2Model(shape)
        self.output = nn.Linear(size, config.output_size)
        self.word_embedding = word_embedding(self.output, config.input_size, config.embedding, tied=config.tied)

    def contexts(self, tokens: Tensor, category: Tensor) -> Tensor:
        """`(B, T, embedding)` for `tokens` `(B, T)`, T ≤ 32, under `category` `(B,)`."""
        return self._read(tokens, category, None)

    def step(self, tokens: Tensor, category: Tensor, state: Cache | None) -> tuple[Tensor, Cache]:
        """The same after what `state` has read; the state holds the keys and values of all that was read."""
        state = DynamicCache(config=self.blocks.config) if state is None else state
        return self._read(tokens, category, state), state

    def _read(self, tokens: Tensor, category: Tensor, state: Cache | None) -> Tensor:
        x = self.word_embedding(tokens)
        if self.config.uses_category:
            c = self.category_embedding(category)[:, None].expand(-1, tokens.shape[1], -1)
            x = self.joined(torch.cat([x, c], -1))
        done = self.blocks(inputs_embeds=x, past_key_values=state, use_cache=state is not None)
        hidden: Tensor = done.last_hidden_state
        return hidden
