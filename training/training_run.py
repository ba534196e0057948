"""One run of the optimiser: its steps, its evaluations and the checkpoint from which it goes on.

A run is a folder with `checkpoint.pt` (weights, optimiser, position; written whole), `curve.json` and `curve.png`.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.language_model.config import GruMnConfig
from core.language_model.corpus import Batch, Line, batches
from core.language_model.next_token import NextTokenModel
from core.text.vocabulary import Vocabulary
from training.compute import Compute
from training.plots import plot_curve
from training.sampled_softmax import SampledSoftmax

_PATIENCE = 3  # evaluations without a better held-out log likelihood
_CLIP_NORM = 1.0


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
    word_dropout: float = 0.0  # share of the words read that the model sees as rare
    seed: int = 0

    @property
    def rare_id(self) -> int:
        return self.config.output_size - self.config.categories - 1


class _Loss(nn.Module):
    """Batch → mean loss in one forward call, which is what compiling and distributing work on.

    Word dropout (Bowman et al. 2016, arXiv 1511.06349): what titles teach is asked for after contexts that titles do
    not have, since shoppers put other words together. A model that sometimes cannot see a word learns what to expect
    from the rest, as a back-off model does.
    """

    def __init__(self, model: NextTokenModel, sampled: SampledSoftmax | None, plan: TrainingPlan) -> None:
        super().__init__()
        self.model = model
        self._sampled = sampled
        self._word_dropout, self._rare_id = plan.word_dropout, plan.rare_id

    def forward(self, tokens: Tensor, category: Tensor) -> Tensor:
        read = tokens[:, :-1]
        if self._word_dropout:
            hidden = torch.rand(read.shape, device=read.device) < self._word_dropout
            hidden[:, 0] = False  # the begin token
            read = read.masked_fill(hidden, self._rare_id)
        contexts = self.model.contexts(read, category).flatten(0, 1)
        targets = tokens[:, 1:].flatten()
        if self._sampled:
            loss: Tensor = self._sampled(contexts, targets, self.model.output)
            return loss
        return F.cross_entropy(self.model.output(contexts).float(), targets)


class Run:
    """The state that a checkpoint holds, and the step that changes it."""

    def __init__(
        self, plan: TrainingPlan, model: NextTokenModel, folder: Path, sampled: SampledSoftmax | None, compute: Compute
    ) -> None:
        self.plan, self.model, self.folder, self.compute = plan, model.to(compute.device), folder, compute
        self._loss = compute.prepared(_Loss(self.model, sampled, plan).to(compute.device))
        self.optimizer = torch.optim.Adam(model.parameters(), lr=plan.learning_rate, fused=True)
        self.step = self.epoch = self.position = self.worse = 0
        self.best: dict[str, Any] = _copy(model)
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
        rows = self.compute.rows(len(batch.tokens))
        tokens = torch.from_numpy(batch.tokens[rows]).to(self.compute.device)
        category = torch.from_numpy(batch.category[rows]).to(self.compute.device)
        with self.compute.autocast():
            loss = self._loss(tokens, category)
        self.optimizer.zero_grad(set_to_none=True)
        if self.compute.world > 1 and len(batch.tokens) >= self.compute.world:
            # Gradients are averaged over processes; shares of unequal size must weigh as their rows.
            loss = loss * (len(tokens) * self.compute.world / len(batch.tokens))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP_NORM)
        self.optimizer.step()
        self.step += 1
        self.tokens += batch.tokens.shape[0] * (batch.tokens.shape[1] - 1)
        value = float(loss.detach())
        self.loss = 0.95 * self.loss + 0.05 * value if self.loss else value

    def evaluate(self, held_out: Sequence[Line], vocabulary: Vocabulary) -> None:
        """Scores the held-out lines, keeps the weights if they are the best so far, and writes the checkpoint."""
        score = log_likelihood(self.model, held_out, vocabulary)
        self.curve.append({"step": self.step, "train_loss": self.loss, "held_out_log_likelihood": score})
        if score > self.best_log_likelihood:
            self.best, self.best_log_likelihood, self.worse = _copy(self.model), score, 0
        else:
            self.worse += 1
        if self.compute.leads:
            self.save()

    def save(self) -> None:
        state = {
            "plan": self._fingerprint(),
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

    def finish(self) -> None:
        """Loads the best weights into the model and draws the curve."""
        self.model.load_state_dict(self.best)
        if self.compute.leads:
            plot_curve(self.curve, self.folder / "curve.png")

    def resume(self) -> None:
        """Takes up the folder's checkpoint if it belongs to this plan; another plan's is left to be overwritten."""
        file = self.folder / "checkpoint.pt"
        if not file.exists():
            return
        state = torch.load(file, weights_only=True, map_location=self.compute.device)
        if state["plan"] != self._fingerprint():
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        self.best, self.curve, self.loss = state["best"], state["curve"], state["loss"]
        self.best_log_likelihood = state["best_log_likelihood"]
        self.step, self.epoch, self.position, self.worse = state["numbers"]

    def _fingerprint(self) -> str:
        plan = self.plan
        shapes = [[name, *value.shape] for name, value in self.model.state_dict().items()]
        return json.dumps([type(self.model).__name__, shapes, plan.config.as_dict(), plan.batch_size,
                           plan.learning_rate, plan.epochs, plan.lines_per_epoch, plan.eval_every_lines,
                           plan.softmax_samples, plan.word_dropout, plan.seed, self.compute.world])  # fmt: skip


def log_likelihood(model: NextTokenModel, lines: Sequence[Line], vocabulary: Vocabulary) -> float:
    """Mean natural log probability per predicted token (words and end tokens) of `lines`, in float32."""
    model.eval()
    device = model.output.weight.device
    total, tokens = 0.0, 0
    with torch.inference_mode():
        for batch in batches(lines, vocabulary, 256, None):
            read = torch.from_numpy(batch.tokens).to(device)
            logits = model(read[:, :-1], torch.from_numpy(batch.category).to(device)).flatten(0, 1)
            total -= F.cross_entropy(logits, read[:, 1:].flatten(), reduction="sum").item()
            tokens += logits.shape[0]
    return total / max(1, tokens)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}
