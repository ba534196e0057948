"""What training and evaluation ask of a neural language model; `GruMn` and every neural baseline are one."""

from torch import Tensor, nn


class NextTokenModel(nn.Module):
    """A causal model: context vectors of what was read, and one linear layer that turns them into next-token logits."""

    output: nn.Linear  # context → output_size

    def contexts(self, tokens: Tensor, category: Tensor) -> Tensor:
        """Context vectors `(B, T, C)` of `tokens` `(B, T)` under `category` `(B,)`; t has read up to itself."""
        raise NotImplementedError

    def forward(self, tokens: Tensor, category: Tensor) -> Tensor:
        """Logits `(B, T, output_size)`: position t predicts the token after `tokens[:, t]`."""
        logits: Tensor = self.output(self.contexts(tokens, category))
        return logits
