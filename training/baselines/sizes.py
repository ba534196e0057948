"""What the neural baselines take over from our own model, and how wide they must be to have as many parameters."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from core.language_model.config import GruMnConfig
from core.language_model.next_token import NextTokenModel
from core.text.vocabulary import Vocabulary

TOLERANCE = 0.03  # of our parameters, how far a baseline's may be off
_LIMIT = 8_192  # no width above it is tried


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """Sizes around the part that differs between architectures; `categories` is 1 where none is used."""

    input_size: int
    output_size: int
    categories: int
    embedding: int
    category_embedding: int
    context: int
    layers: int
    dropout: float
    tied: bool

    @property
    def uses_category(self) -> bool:
        return self.categories > 1

    @property
    def between_layers(self) -> float:
        return self.dropout if self.layers > 1 else 0.0

    @classmethod
    def like(cls, ours: GruMnConfig, vocabulary: Vocabulary) -> "BaselineConfig":
        """As `ours`, over `vocabulary`, whose categories say whether any are used."""
        return cls(
            input_size=vocabulary.input_size,
            output_size=vocabulary.output_size,
            categories=vocabulary.categories,
            embedding=ours.embedding,
            category_embedding=ours.category_embedding,
            context=ours.context,
            layers=len(ours.hidden),
            dropout=ours.dropout,
            tied=ours.tied,
        )


def parameter_count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def width_for(build: Callable[[int], NextTokenModel], parameters: int) -> int:
    """The width whose model's parameter count is nearest to `parameters`.

    Models are only described, never allocated. Raises ValueError where the nearest one is more than 3 % away.
    """

    def count(width: int) -> int:
        with torch.device("meta"):
            return parameter_count(build(width))

    low, high = 1, _LIMIT
    while low < high:  # the first width that has at least as many
        middle = (low + high) // 2
        if count(middle) < parameters:
            low = middle + 1
        else:
            high = middle
    best = min((max(1, low - 1), low), key=lambda at: abs(count(at) - parameters))
    if abs(count(best) - parameters) > TOLERANCE * parameters:
        raise ValueError(f"no width comes within {TOLERANCE:.0%} of {parameters:,} parameters: {best} is nearest")
    return best
