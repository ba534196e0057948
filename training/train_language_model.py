"""Trains one next-token model: length buckets, warm-up and decay, clipping, early stopping, checkpoint and resume.

Starting again on the same folder carries on where the last checkpoint stands and ends with the same weights as a run
without a break. `training.fit` is the command line, also under `torchrun`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

from core.language_model.config import PresetSizes
from core.language_model.corpus import Line, batches, draw
from core.language_model.gru_mn import GruMn
from core.language_model.next_token import NextTokenModel
from core.text.vocabulary import Vocabulary
from training.compute import Compute, local_compute
from training.sampled_softmax import SampledSoftmax
from training.training_run import Run, TrainingPlan, log_likelihood

__all__ = ["TrainedModel", "TrainingPlan", "log_likelihood", "plan_from", "start_words_from", "train", "train_model"]

_WARM_UP_STEPS = 50
Model = TypeVar("Model", bound=NextTokenModel)
OnProgress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class TrainedModel(Generic[Model]):
    model: Model
    log_likelihood: float  # held-out, per token, end tokens included; the best one, whose weights these are
    curve: tuple[dict[str, float], ...]


def plan_from(sizes: PresetSizes, vocabulary: Vocabulary, *, titles: bool, lines: int, seed: int) -> TrainingPlan:
    """The preset's plan for a corpus of `lines` lines."""
    return TrainingPlan(
        config=sizes.config(
            input_size=vocabulary.input_size,
            output_size=vocabulary.output_size,
            categories=vocabulary.categories,
            titles=titles,
        ),
        batch_size=sizes.batch_size,
        learning_rate=sizes.learning_rate if titles else sizes.query_learning_rate,
        epochs=sizes.title_epochs
        if titles
        else max(1, min(sizes.query_epochs, sizes.max_query_lines // max(1, lines))),
        lines_per_epoch=min(lines, sizes.max_title_lines if titles else sizes.max_query_lines),
        eval_every_lines=sizes.eval_every_lines,
        softmax_samples=sizes.softmax_samples,
        word_dropout=sizes.title_word_dropout if titles else sizes.query_word_dropout,
        seed=seed,
    )


def train(
    plan: TrainingPlan,
    vocabulary: Vocabulary,
    training_lines: Sequence[Line],
    held_out: Sequence[Line],
    folder: Path,
    on_progress: OnProgress = lambda share, note: None,
    initial: NextTokenModel | None = None,
    word_vectors: torch.Tensor | None = None,
    compute: Compute | None = None,
) -> TrainedModel[GruMn]:
    """The GRU memory network of `plan.config` with the best held-out log likelihood.

    `word_vectors` `(V, embedding)`: what the words' embeddings start from (`training.word_vectors`).
    For the rest see `train_model`.
    """
    torch.manual_seed(plan.seed)
    model = GruMn(plan.config)
    if word_vectors is not None:
        start_words_from(model, word_vectors)
    return train_model(model, plan, vocabulary, training_lines, held_out, folder, on_progress, initial, compute)


def train_model(
    model: Model,
    plan: TrainingPlan,
    vocabulary: Vocabulary,
    training_lines: Sequence[Line],
    held_out: Sequence[Line],
    folder: Path,
    on_progress: OnProgress = lambda share, note: None,
    initial: NextTokenModel | None = None,
    compute: Compute | None = None,
) -> TrainedModel[Model]:
    """`model` with the weights of the best held-out log likelihood; baselines train by the same loop.

    `initial`: weights to start from where names and shapes agree (the catalogue model, for the query model).
    `on_progress(share done in [0, 1], note)`. Raises ValueError without training lines.
    """
    if not training_lines:
        raise ValueError("no lines to train on")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    if initial is not None:
        _start_from(model, initial)
    compute = compute or local_compute()
    sampled = None
    if plan.softmax_samples and 2 * plan.softmax_samples <= vocabulary.output_size:
        sampled = SampledSoftmax(training_lines, vocabulary, plan.softmax_samples)
    run = Run(plan, model, folder, sampled, compute)
    run.resume()
    watched = held_out or training_lines[: plan.batch_size]
    steps_per_epoch = _batch_count(draw(training_lines, plan.lines_per_epoch, plan.seed), plan.batch_size)
    total_steps = max(1, steps_per_epoch * plan.epochs)
    eval_every = max(1, min(steps_per_epoch, plan.eval_every_lines // plan.batch_size))
    while run.epoch < plan.epochs and not run.stopped:
        drawn = draw(training_lines, plan.lines_per_epoch, plan.seed + run.epoch)
        for index, batch in enumerate(batches(drawn, vocabulary, plan.batch_size, plan.seed + run.epoch)):
            if index < run.position:
                continue
            run.train_step(batch, _rate(run.step, total_steps) * plan.learning_rate)
            run.position = index + 1
            if run.step % 10 == 0:
                on_progress(min(1.0, run.step / total_steps), run.note())
            if run.step % eval_every == 0:
                run.evaluate(watched, vocabulary)
                if run.stopped:
                    break
        run.epoch, run.position = run.epoch + 1, 0
    if not run.stopped and (not run.curve or run.curve[-1]["step"] != run.step):
        run.evaluate(watched, vocabulary)
    on_progress(1.0, run.note())
    run.finish()
    model.eval()
    return TrainedModel(model, run.best_log_likelihood, tuple(run.curve))


def start_words_from(model: NextTokenModel, vectors: torch.Tensor) -> None:
    """Puts `vectors` `(V, embedding)` where `model` embeds its first V tokens, the words."""
    name = "word_embedding.weight"
    words = dict(model.named_parameters()).get(name, model.output.weight)  # tied models embed by their output layer
    with torch.no_grad():
        words[: len(vectors)] = vectors


def _rate(step: int, total: int) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    warm = min(1.0, (step + 1) / _WARM_UP_STEPS)
    return warm * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total))))


def _batch_count(lines: Sequence[Line], batch_size: int) -> int:
    lengths: dict[int, int] = {}
    for line in lines:
        lengths[len(line.tokens)] = lengths.get(len(line.tokens), 0) + 1
    return sum(-(-count // batch_size) for count in lengths.values())


def _start_from(model: NextTokenModel, initial: NextTokenModel) -> None:
    source = initial.state_dict()
    target = model.state_dict()
    target.update({key: value for key, value in source.items() if target[key].shape == value.shape})
    model.load_state_dict(target)
