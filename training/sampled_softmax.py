"""Cross entropy over a sample of the vocabulary, with the sampling corrected for (Jean et al. 2015, arXiv 1412.2007).

The output layer is most of a small model's training time. Each batch scores its targets against one shared sample
of frequent-leaning negatives instead of all words; subtracting log q makes the expected gradient that of the full
softmax. Evaluation always uses the full one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.language_model.corpus import Line
from core.text.vocabulary import Vocabulary

_FLATTEN = 0.75  # of the unigram distribution, so that rare words are drawn too (Mikolov et al. 2013)


class SampledSoftmax(nn.Module):
    """Loss against `samples` negatives drawn by the flattened unigram distribution of the training lines."""

    _probability: Tensor
    _log_expected: Tensor

    def __init__(self, lines: Sequence[Line], vocabulary: Vocabulary, samples: int) -> None:
        super().__init__()
        counts = torch.ones(vocabulary.output_size)
        tokens = [token for line in lines for token in (*line.tokens, vocabulary.eos_id(line.category))]
        weights = [line.weight for line in lines for _ in range(len(line.tokens) + 1)]
        counts.index_add_(0, torch.tensor(tokens), torch.tensor(weights))
        share = counts**_FLATTEN
        share /= share.sum()
        self.register_buffer("_probability", share, persistent=False)
        self.register_buffer("_log_expected", torch.log(share * samples), persistent=False)
        self._samples = samples

    def forward(self, contexts: Tensor, targets: Tensor, output: nn.Linear) -> Tensor:
        """Mean loss of `contexts` `(N, C)` against `targets` `(N,)`; draws from torch's global generator."""
        sampled = torch.multinomial(self._probability, self._samples, replacement=True)
        negatives = F.linear(contexts, output.weight[sampled], output.bias[sampled]) - self._log_expected[sampled]
        negatives = negatives.masked_fill(sampled[None] == targets[:, None], -torch.inf)
        true = (contexts * output.weight[targets]).sum(1) + output.bias[targets] - self._log_expected[targets]
        logits = torch.cat([true[:, None], negatives], 1).float()  # (N, 1 + samples): the target is always first
        return F.cross_entropy(logits, torch.zeros_like(targets))
