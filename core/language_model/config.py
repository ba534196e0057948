"""Sizes of a GRU memory network, and the presets that a shop chooses from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Preset = Literal["tiny", "small", "paper"]


@dataclass(frozen=True, slots=True)
class GruMnConfig:
    """One model's sizes. `hidden` and `attention` list the layers, lowest first.

    The three vocabulary sizes are those of `core.text.vocabulary.Vocabulary`.
    """

    input_size: int
    output_size: int
    categories: int
    embedding: int
    category_embedding: int
    hidden: tuple[int, ...]
    attention: tuple[int, ...]
    context: int
    dropout: float
    tied: bool = False  # words are embedded by their rows of the output layer

    def __post_init__(self) -> None:
        if len(self.hidden) != len(self.attention) or not self.hidden:
            raise ValueError("hidden and attention must list the same layers")
        if not 0 <= self.dropout < 1:
            raise ValueError("dropout is the share dropped, in [0, 1)")
        if self.tied and self.embedding != self.context:
            raise ValueError("tied embeddings need a context as wide as a word's embedding")

    def as_dict(self) -> dict[str, object]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, object]) -> "GruMnConfig":
        """The inverse of `as_dict`; unknown or missing keys are a TypeError."""
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
        return cls(**values)  # type: ignore[arg-type]  # checked field by field by the caller's weights


@dataclass(frozen=True, slots=True)
class PresetSizes:
    """What a preset fixes: model sizes, vocabulary and how long to train."""

    embedding: int
    category_embedding: int
    hidden: tuple[int, ...]
    query_attention: tuple[int, ...]
    title_attention: tuple[int, ...]
    context: int
    tied: bool  # one matrix for words in and out: faster to train, see LOG.md
    dropout: float
    min_count: int  # words seen less often are rare
    max_words: int
    softmax_samples: int | None  # negatives a batch is trained against; None: the whole vocabulary
    batch_size: int
    learning_rate: float  # of the catalogue model
    query_learning_rate: float  # of the query model, which starts from it
    title_word_dropout: float  # share of the words read that are hidden in training
    query_word_dropout: float
    query_epochs: int  # at most: held-out log likelihood stops earlier
    title_epochs: int
    max_query_lines: int  # over all epochs: a large log needs fewer of them
    max_title_lines: int  # per epoch, drawn anew each time
    eval_every_lines: int
    generation_starts: int  # of offline generation
    blend_examples: int  # prefixes that the blend of suggestion sources is fitted on

    def config(self, *, input_size: int, output_size: int, categories: int, titles: bool) -> GruMnConfig:
        return GruMnConfig(
            input_size=input_size,
            output_size=output_size,
            categories=categories,
            embedding=self.embedding,
            category_embedding=self.category_embedding,
            hidden=self.hidden,
            attention=self.title_attention if titles else self.query_attention,
            context=self.context,
            dropout=self.dropout,
            tied=self.tied,
        )


PRESETS: Mapping[Preset, PresetSizes] = {
    # Seconds to train; for tests and a first look.
    "tiny": PresetSizes(
        embedding=48, category_embedding=8, hidden=(48,), query_attention=(24,), title_attention=(24,), context=48,
        tied=True, dropout=0.1, min_count=2, max_words=4_000, softmax_samples=None,
        batch_size=64, learning_rate=4e-3, query_learning_rate=4e-3, title_word_dropout=0.1, query_word_dropout=0.0,
        query_epochs=5, title_epochs=5,
        max_query_lines=30_000, max_title_lines=10_000, eval_every_lines=10_000, generation_starts=200,
        blend_examples=300,
    ),
    # Minutes on two cores, served within a keystroke's budget.
    "small": PresetSizes(
        embedding=128, category_embedding=32, hidden=(256, 256), query_attention=(64, 64), title_attention=(64, 64),
        context=128, tied=True, dropout=0.2, min_count=3, max_words=16_000, softmax_samples=2_048,
        batch_size=64, learning_rate=8e-3, query_learning_rate=1.5e-3, title_word_dropout=0.3, query_word_dropout=0.1,
        query_epochs=12,
        title_epochs=3, max_query_lines=120_000, max_title_lines=60_000, eval_every_lines=30_000,
        generation_starts=500, blend_examples=800,
    ),
    # Paper §5.1: 3 layers 2000/1500/1000, attention 1000/750/500 (queries) and 500/375/250 (titles), context 500,
    # batch 128, Adam. "Dropout 0.8" is read as the share kept. For a GPU.
    "paper": PresetSizes(
        embedding=300, category_embedding=100, hidden=(2000, 1500, 1000), query_attention=(1000, 750, 500),
        title_attention=(500, 375, 250), context=500, tied=False, dropout=0.2, min_count=5, max_words=200_000,
        softmax_samples=8_192, batch_size=128, learning_rate=1e-3, query_learning_rate=5e-4, title_word_dropout=0.2,
        query_word_dropout=0.1, query_epochs=20, title_epochs=10,
        max_query_lines=100_000_000, max_title_lines=10_000_000, eval_every_lines=500_000,
        generation_starts=200_000, blend_examples=10_000,
    ),
}  # fmt: skip
