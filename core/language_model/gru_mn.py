"""GRU memory network (CADENCE §4.2, after the LSTMN of Cheng et al. 2016), in torch: training and reference.

Every layer keeps a tape of its own hidden states and attends to it inside the cell, with x_t the layer's input and
h̃_0 = 0 (so h̃_1 = 0 as well: at the first position the tape is empty):

    a_i = vᵀ tanh(W_h h_i + W_x x_t + W_h̃ h̃_{t−1})     i < t: a position never sees itself or the future
    h̃_t = Σ_{i<t} softmax(a)_i h_i
    z = σ(x_t U_z + h̃_t W_z + b_z)   r = σ(x_t U_r + h̃_t W_r + b_r)   o = tanh(x_t U_o + (r ⊙ h̃_t) W_o + b_o)
    h_t = z ⊙ h̃_t + (1 − z) ⊙ o

The category c enters three times: concatenated to the word embedding, added before every layer
(x^l = relu(W^l c + h^{l−1}), h^0 = [word; c]) and in the context layer h' = tanh(W h_t + W_c c + b) before the softmax.
`core.language_model.decoder` computes the same step by step in numpy.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.language_model.config import GruMnConfig
from core.language_model.next_token import NextTokenModel
from core.language_model.word_embedding import word_embedding


class GruMnLayer(nn.Module):
    """One layer over whole sequences: `(B, T, I)` → `(B, T, H)`."""

    def __init__(self, inputs: int, hidden: int, attention: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.input_gates = nn.Linear(inputs, 3 * hidden)  # U_z | U_r | U_o and the biases
        self.memory_gates = nn.Linear(hidden, 2 * hidden, bias=False)  # W_z | W_r
        self.memory_candidate = nn.Linear(hidden, hidden, bias=False)  # W_o
        self.attend_tape = nn.Linear(hidden, attention, bias=False)  # W_h
        self.attend_input = nn.Linear(inputs, attention, bias=False)  # W_x
        self.attend_memory = nn.Linear(hidden, attention, bias=False)  # W_h̃
        self.attend_score = nn.Linear(attention, 1, bias=False)  # v

    def forward(self, x: Tensor) -> Tensor:
        gates_x = self.input_gates(x)  # (B, T, 3H): everything that does not wait for the recurrence, at once
        attention_x = self.attend_input(x)  # (B, T, A)
        memory = x.new_zeros(x.shape[0], self.hidden)  # h̃_{t−1}, (B, H)
        states: list[Tensor] = []  # the tape, t × (B, H)
        keys: list[Tensor] = []  # W_h h_i, computed once per entry
        for t in range(x.shape[1]):
            if states:
                query = attention_x[:, t] + self.attend_memory(memory)  # (B, A)
                scores = self.attend_score(torch.tanh(torch.stack(keys, 1) + query[:, None]))  # (B, t, 1)
                memory = (F.softmax(scores, 1) * torch.stack(states, 1)).sum(1)
            gate_x, candidate_x = gates_x[:, t].split([2 * self.hidden, self.hidden], -1)
            update, reset = torch.sigmoid(gate_x + self.memory_gates(memory)).chunk(2, -1)
            candidate = torch.tanh(candidate_x + self.memory_candidate(reset * memory))
            state = update * memory + (1 - update) * candidate
            states.append(state)
            keys.append(self.attend_tape(state))
        return torch.stack(states, 1)


class GruMn(NextTokenModel):
    """Next-token logits from tokens and a category."""

    def __init__(self, config: GruMnConfig) -> None:
        super().__init__()
        self.config = config
        self.category_embedding = nn.Embedding(config.categories, config.category_embedding)
        widths = [config.embedding + config.category_embedding, *config.hidden]
        self.category_inputs = nn.ModuleList(nn.Linear(config.category_embedding, width) for width in widths[:-1])
        self.layers = nn.ModuleList(
            GruMnLayer(width, hidden, attention)
            for width, hidden, attention in zip(widths, config.hidden, config.attention, strict=False)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.context = nn.Linear(config.hidden[-1], config.context)
        self.category_context = nn.Linear(config.category_embedding, config.context, bias=False)
        self.output = nn.Linear(config.context, config.output_size)
        self.word_embedding = word_embedding(self.output, config.input_size, config.embedding, tied=config.tied)
        nn.init.normal_(self.category_embedding.weight, std=0.1)

    def contexts(self, tokens: Tensor, category: Tensor) -> Tensor:
        """Context vectors h' `(B, T, context)` of `tokens` `(B, T)` under `category` `(B,)`."""
        c = self.category_embedding(category)[:, None]  # (B, 1, C)
        h = torch.cat([self.word_embedding(tokens), c.expand(-1, tokens.shape[1], -1)], -1)
        for category_input, layer in zip(self.category_inputs, self.layers, strict=True):
            h = layer(self.dropout(F.relu(category_input(c) + h)))
        return torch.tanh(self.context(self.dropout(h)) + self.category_context(c))
