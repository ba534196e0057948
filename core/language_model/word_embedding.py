"""Words embedded by their own rows of the output layer (Press & Wolf 2017, arXiv 1608.05859).

A shop's texts are few for the two large matrices of a word-level model. Shared, each word is learnt from what it
follows and from what follows it, and there is half as much for the optimiser to touch at every step.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TiedEmbedding(nn.Module):
    """Embeddings of the `output_size` tokens of `output`, and of `begins` begin tokens whose ids follow them."""

    def __init__(self, output: nn.Linear, begins: int) -> None:
        super().__init__()
        self._shared = [output]  # in a list, so that its weights are not registered twice
        self.begins = nn.Embedding(begins, output.in_features)

    def forward(self, tokens: Tensor) -> Tensor:
        """`(…, embedding)` for `tokens` `(…)`."""
        weight = self._shared[0].weight
        words = F.embedding(tokens.clamp(max=len(weight) - 1), weight)
        begins = self.begins((tokens - len(weight)).clamp(min=0))
        return torch.where((tokens >= len(weight))[..., None], begins, words)


def word_embedding(output: nn.Linear, input_size: int, embedding: int, *, tied: bool) -> nn.Embedding | TiedEmbedding:
    """The input layer of a next-token model whose output layer is `output`, drawn with a spread of 0.1.

    Raises ValueError when tied sizes differ.
    """
    if not tied:
        separate = nn.Embedding(input_size, embedding)
        nn.init.normal_(separate.weight, std=0.1)
        return separate
    if output.in_features != embedding:
        raise ValueError(f"tied embeddings need a context as wide as a word: {output.in_features} ≠ {embedding}")
    shared = TiedEmbedding(output, input_size - output.out_features)
    nn.init.normal_(output.weight, std=0.1)
    nn.init.normal_(shared.begins.weight, std=0.1)
    return shared
