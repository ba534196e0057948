"""Trains one GRU memory network: length buckets, warm-up and decay, clipping, early stopping, checkpoint and resume.

A run is a folder with `checkpoint.pt` (weights, optimiser, position; written whole) and `curve.json`. Starting again on
the same folder carries on where the last checkpoint stands and ends with the same weights as a run without a break.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from core.language_model.config import GruMnConfig, PresetSizes
from core.language_model.corpus import Batch, Line, batches, draw
from core.language_model.gru_mn import GruMn
from core.text.vocabulary import Vocabulary
from training.sampled_softmax import SampledSoftmax

_PATIENCE = 2  # evaluations without a better held-out log likelihood
_CLIP_NORM = 1.0
_WARM_UP_STEPS = 50


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What one run does. `lines_per_epoch` are drawn anew for each epoch."""

    config: GruMnConfig
    batch_size: int
    learning_rate: float
    epochs: int
    lines_per_epoch: int
    eval_every_lines: int
    softmax_samples: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainedModel:
    model: GruMn
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
        learning_rate=sizes.learning_rate,
        epochs=sizes.title_epochs
        if titles
        else max(1, min(sizes.query_epochs, sizes.max_query_lines // max(1, lines))),
        lines_per_epoch=min(lines, sizes.max_title_lines if titles else sizes.max_query_lines),
        eval_every_lines=sizes.eval_every_lines,
        softmax_samples=sizes.softmax_samples,
        seed=seed,
    )


def train(
    plan: TrainingPlan,
    vocabulary: Vocabulary,
    training_lines: Sequence[Line],
    held_out: Sequence[Line],
    folder: Path,
    on_progress: Callable[[float, str], None] = lambda share, note: None,
    initial: GruMn | None = None,
) -> TrainedModel:
    """The model with the best held-out log likelihood.

    `initial`: weights to start from where shapes agree (the catalogue model, for the query model).
    `on_progress(share done in [0, 1], note)`. Raises ValueError without training lines.
    """
    if not training_lines:
        raise ValueError("no lines to train on")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    model = GruMn(plan.config)
    if initial is not None:
        _start_from(model, initial)
    sampled = None
    if plan.softmax_samples and 2 * plan.softmax_samples <= vocabulary.output_size:
        sampled = SampledSoftmax(training_lines, vocabulary, plan.softmax_samples)
    run = _Run(plan, model, folder, sampled)
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
    model.load_state_dict(run.best)
    return TrainedModel(model.eval(), run.best_log_likelihood, tuple(run.curve))


class _Run:
    """The state that a checkpoint holds."""

    def __init__(self, plan: TrainingPlan, model: GruMn, folder: Path, sampled: SampledSoftmax | None) -> None:
        self.plan, self.model, self.folder, self.sampled = plan, model, folder, sampled
        self.optimizer = torch.optim.Adam(model.parameters(), lr=plan.learning_rate)
        self.step = self.epoch = self.position = self.worse = 0
        self.best: dict[str, Any] = {key: value.clone() for key, value in model.state_dict().items()}
        self.best_log_likelihood = -math.inf
        self.curve: list[dict[str, float]] = []
        self.started, self.tokens, self.loss = time.perf_counter(), 0, 0.0

    @property
    def stopped(self) -> bool:
        return self.worse >= _PATIENCE

    def note(self) -> str:
        speed = self.tokens / max(1e-9, time.perf_counter() - self.started)
        held = f", held out {self.best_log_likelihood:.3f}" if self.curve else ""
        return f"{speed:,.0f} tokens/s, log likelihood {-self.loss:.3f}{held}"

    def train_step(self, batch: Batch, rate: float) -> None:
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        contexts, targets = _contexts_and_targets(self.model, batch)
        if self.sampled:
            loss = self.sampled.loss(contexts, targets, self.model.output)
        else:
            loss = F.cross_entropy(self.model.output(contexts), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP_NORM)
        self.optimizer.step()
        self.step += 1
        self.tokens += batch.tokens.shape[0] * (batch.tokens.shape[1] - 1)
        self.loss = 0.95 * self.loss + 0.05 * loss.item() if self.loss else loss.item()

    def evaluate(self, held_out: Sequence[Line], vocabulary: Vocabulary) -> None:
        """Scores the held-out lines, keeps the weights if they are the best so far, and writes the checkpoint."""
        score = log_likelihood(self.model, held_out, vocabulary)
        self.curve.append({"step": self.step, "train_loss": self.loss, "held_out_log_likelihood": score})
        if score > self.best_log_likelihood:
            self.best = {key: value.clone() for key, value in self.model.state_dict().items()}
            self.best_log_likelihood, self.worse = score, 0
        else:
            self.worse += 1
        self.save()

    def save(self) -> None:
        state = {
            "plan": _fingerprint(self.plan),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "best": self.best,
            "numbers": [self.step, self.epoch, self.position, self.worse],
            "best_log_likelihood": self.best_log_likelihood,
            "curve": self.curve,
            "loss": self.loss,
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")
        (self.folder / "curve.json").write_text(json.dumps(self.curve, indent=1))

    def resume(self) -> None:
        """Takes up the folder's checkpoint if it belongs to this plan; another plan's is left to be overwritten."""
        file = self.folder / "checkpoint.pt"
        if not file.exists():
            return
        state = torch.load(file, weights_only=True)
        if state["plan"] != _fingerprint(self.plan):
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.best, self.curve, self.loss = state["best"], state["curve"], state["loss"]
        self.best_log_likelihood = state["best_log_likelihood"]
        self.step, self.epoch, self.position, self.worse = state["numbers"]


def log_likelihood(model: GruMn, lines: Sequence[Line], vocabulary: Vocabulary) -> float:
    """Mean natural log probability per predicted token (words and end tokens) of `lines`."""
    model.eval()
    total, tokens = 0.0, 0
    with torch.inference_mode():
        for batch in batches(lines, vocabulary, 256, None):
            contexts, targets = _contexts_and_targets(model, batch)
            total -= F.cross_entropy(model.output(contexts), targets, reduction="sum").item()
            tokens += targets.numel()
    return total / max(1, tokens)


def _contexts_and_targets(model: GruMn, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Context vectors `(B·T, context)` and the tokens `(B·T,)` that they should predict."""
    tokens = torch.from_numpy(batch.tokens)
    contexts = model.contexts(tokens[:, :-1], torch.from_numpy(batch.category))
    return contexts.flatten(0, 1), tokens[:, 1:].flatten()


def _rate(step: int, total: int) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    warm = min(1.0, (step + 1) / _WARM_UP_STEPS)
    return warm * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total))))


def _batch_count(lines: Sequence[Line], batch_size: int) -> int:
    lengths: dict[int, int] = {}
    for line in lines:
        lengths[len(line.tokens)] = lengths.get(len(line.tokens), 0) + 1
    return sum(-(-count // batch_size) for count in lengths.values())


def _fingerprint(plan: TrainingPlan) -> str:
    return json.dumps([plan.config.as_dict(), plan.batch_size, plan.learning_rate, plan.epochs,
                       plan.lines_per_epoch, plan.eval_every_lines, plan.softmax_samples, plan.seed])  # fmt: skip


def _start_from(model: GruMn, initial: GruMn) -> None:
    source = initial.state_dict()
    target = model.state_dict()
    target.update({key: value for key, value in source.items() if target[key].shape == value.shape})
    model.load_state_dict(target)
