"""Trains the neural baselines as our own model is: the same lines, batches, optimiser, schedule and patience.

Titles first and queries from there, like the published query model, or queries alone. A model without category reads
the same lines under a vocabulary with a single category: one begin and one end token for all. What is trained stays
below `<home>/baselines/<version>/`; a broken run carries on at its last checkpoint.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file

from core.language_model.config import PRESETS, GruMnConfig, Preset
from core.language_model.corpus import HELD_OUT_AT_MOST, Line
from core.text.vocabulary import Vocabulary
from training.baselines.gru import GruLanguageModel
from training.baselines.lstm import LstmLanguageModel
from training.baselines.sizes import BaselineConfig, width_for
from training.baselines.transformer import TransformerLanguageModel
from training.train_language_model import plan_from, start_words_from, train_model
from training.word_vectors import word_vectors

Architecture = Literal["lstm", "transformer", "gru"]
OnProgress = Callable[[float, str], None]
SteppingModel = LstmLanguageModel | TransformerLanguageModel | GruLanguageModel

_FINISHED = "finished.pt"
_RATE_SHARES: dict[Architecture, float] = {"lstm": 1.0, "gru": 1.0, "transformer": 0.25}
"""Of the preset's learning rates: a transformer learns less at those of recurrent models (see LOG.md)."""


@dataclass(frozen=True, slots=True)
class ShopLines:
    """What a version's models learnt from, and what stopped their training. `titles` may be empty."""

    titles: Sequence[Line]
    titles_held_out: Sequence[Line]
    queries: Sequence[Line]
    queries_held_out: Sequence[Line]

    def without_category(self) -> "ShopLines":
        """The same lines, all of category 0."""
        return ShopLines(
            _uncategorised(self.titles),
            _uncategorised(self.titles_held_out),
            _uncategorised(self.queries),
            _uncategorised(self.queries_held_out),
        )


def build(
    architecture: Architecture, ours: GruMnConfig, vocabulary: Vocabulary, parameters: int, seed: int
) -> SteppingModel:
    """An untrained model with as many parameters as `parameters` within 3 %, drawn by `seed`."""
    config = BaselineConfig.like(ours, vocabulary)
    kinds: dict[Architecture, Callable[[BaselineConfig, int], SteppingModel]] = {
        "lstm": LstmLanguageModel,
        "transformer": TransformerLanguageModel,
        "gru": GruLanguageModel,
    }

    def of_width(width: int) -> SteppingModel:
        return kinds[architecture](config, width)

    width = width_for(of_width, parameters)
    torch.manual_seed(seed)
    return of_width(width)


def trained_baseline(
    architecture: Architecture,
    ours: GruMnConfig,
    parameters: int,
    preset: Preset,
    vocabulary: Vocabulary,
    lines: ShopLines,
    folder: Path,
    on_progress: OnProgress,
    *,
    titles_first: bool,
    seed: int = 0,
) -> SteppingModel:
    """The baseline as trained before in `folder`, or trained now.

    `vocabulary` and `lines` have one category where the model uses none. `folder` must belong to this architecture,
    version and choice of lines.
    """
    model = build(architecture, ours, vocabulary, parameters, seed)
    finished = folder / _FINISHED
    if finished.exists():
        model.load_state_dict(torch.load(finished, weights_only=True))
        return model.eval()
    initial: SteppingModel | None = None
    vectors = _word_vectors(lines, vocabulary, ours.embedding, folder, titles_first=titles_first, seed=seed)
    stages = [(False, lines.queries, lines.queries_held_out)]
    if titles_first and lines.titles:
        stages.insert(0, (True, lines.titles, lines.titles_held_out))
    for stage, (titles, training, held_out) in enumerate(stages):
        plan = plan_from(PRESETS[preset], vocabulary, titles=titles, lines=len(training), seed=seed)
        plan = replace(plan, learning_rate=_RATE_SHARES[architecture] * plan.learning_rate)
        model = build(architecture, ours, vocabulary, parameters, seed)
        if initial is None:
            start_words_from(model, vectors)

        def report(share: float, note: str, stage: int = stage) -> None:
            on_progress((stage + share) / len(stages), note)

        run = folder / ("titles" if titles else "queries")
        watched = held_out[:HELD_OUT_AT_MOST]
        trained = train_model(model, plan, vocabulary, training, watched, run, report, initial)
        initial = model = trained.model
    partial = folder / f"{_FINISHED}.partial"
    torch.save(model.state_dict(), partial)
    partial.replace(finished)
    return model.eval()


def _word_vectors(
    lines: ShopLines, vocabulary: Vocabulary, dimensions: int, folder: Path, *, titles_first: bool, seed: int
) -> torch.Tensor:
    """fastText vectors as our own model starts from, kept for all baselines that learn from the same lines."""
    stored = folder.parents[1] / f"word_vectors_{'titles_first' if titles_first else 'queries_alone'}.safetensors"
    if stored.exists():
        return load_file(stored)["vectors"]
    read = [*(lines.titles if titles_first else ()), *lines.queries]
    texts = [[vocabulary.words[token] for token in line.tokens if token < vocabulary.rare_id] for line in read]
    vectors = word_vectors([*texts, list(vocabulary.words)], vocabulary, dimensions, seed)
    stored.parent.mkdir(parents=True, exist_ok=True)
    save_file({"vectors": vectors}, stored)
    return vectors


def _uncategorised(lines: Sequence[Line]) -> list[Line]:
    return [Line(line.tokens, 0, line.weight) for line in lines]
