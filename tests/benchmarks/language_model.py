"""Speed of the language models: `python -m tests.benchmarks.language_model --version DIR [--preset small]`.

Training: real tokens per second of our loop, beside a straightforward one that pads every line to the longest, goes
through time step by step with everything inside the step, and takes the whole softmax; same model, same lines, same
optimiser, turn about in one run. Decoding: milliseconds for each token and beam group on one thread, at the numbers of
groups that serving and offline generation run. `--version` is a published version (its vocabulary and lines are used).
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits
from torch.nn import functional as F

from core.language_model.config import PRESETS
from core.language_model.corpus import Line, batches, draw
from core.language_model.decoder import Decoder
from core.language_model.gru_mn import GruMn, GruMnLayer
from core.language_model.stored_corpus import CORPUS, load_lines
from core.text.vocabulary import Vocabulary
from training.compute import local_compute
from training.fit import load_vocabulary
from training.sampled_softmax import SampledSoftmax
from training.train_language_model import plan_from
from training.training_run import Run

_GROUP_WIDTH = 3  # rows of a beam group
_STEPS = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", type=Path, required=True, metavar="DIR", help="a published version")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="small")
    parser.add_argument("--batches", type=int, default=20, help="of each loop, three times")
    parser.add_argument("--threads", type=int, default=2, help="of training")
    options = parser.parse_args()
    console = Console()
    vocabulary = load_vocabulary(options.version / "vocabulary.json")
    lines = load_lines(options.version / CORPUS, "title")
    console.print(_training(vocabulary, lines, options.preset, options.batches, options.threads))
    console.print(_decoding(vocabulary, options.preset))
    return 0


def _training(vocabulary: Vocabulary, lines: Sequence[Line], preset: str, count: int, threads: int) -> Table:
    torch.set_num_threads(threads)
    sizes = PRESETS[preset]  # type: ignore[index]  # checked by argparse
    plan = plan_from(sizes, vocabulary, titles=True, lines=len(lines), seed=0)
    drawn = draw(lines, 50_000, 0)
    sampled = SampledSoftmax(lines, vocabulary, plan.softmax_samples) if plan.softmax_samples else None
    run = Run(plan, GruMn(plan.config), Path(tempfile.mkdtemp()), sampled, local_compute())
    naive = NaiveTraining(plan.config.dropout, GruMn(plan.config), plan.learning_rate)
    longest = max(len(line.tokens) for line in lines)
    ours = batches(drawn, vocabulary, plan.batch_size, 0)
    padded = (drawn[at : at + plan.batch_size] for at in range(0, len(drawn), plan.batch_size))
    run.train_step(next(ours), 1e-4)
    naive.step(next(padded), vocabulary, longest)
    speeds: dict[str, list[float]] = {"ours": [], "naive": []}
    for _ in range(3):
        before, started = run.tokens, time.perf_counter()
        for batch in islice(ours, count):
            run.train_step(batch, 1e-4)
        speeds["ours"].append((run.tokens - before) / (time.perf_counter() - started))
        tokens, started = 0, time.perf_counter()
        for group in islice(padded, max(1, count // 3)):
            tokens += naive.step(group, vocabulary, longest)
        speeds["naive"].append(tokens / (time.perf_counter() - started))
    table = Table("training loop", "real tokens/s, median", title=f"{preset}, {threads} threads")
    medians = {name: float(np.median(found)) for name, found in speeds.items()}
    for name, speed in medians.items():
        table.add_row(name, f"{speed:,.0f}")
    table.add_row("ours ÷ naive", f"{medians['ours'] / medians['naive']:.2f}")
    return table


class NaiveTraining:
    """The loop that one writes first."""

    def __init__(self, dropout: float, model: GruMn, rate: float) -> None:
        self._model, self._dropout = model, dropout
        self._optimizer = torch.optim.Adam(model.parameters(), lr=rate)

    def step(self, lines: Sequence[Line], vocabulary: Vocabulary, longest: int) -> int:
        """One optimiser step on `lines` padded to `longest`; returns the real tokens."""
        padding = -100
        rows = [[vocabulary.bos_id(line.category), *line.tokens, vocabulary.eos_id(line.category)] for line in lines]
        targets = torch.tensor([row[1:] + [padding] * (longest + 2 - len(row)) for row in rows])
        inputs = torch.tensor([row[:-1] + [0] * (longest + 2 - len(row)) for row in rows])
        category = torch.tensor([line.category for line in lines])
        self._model.train()
        logits = torch.stack(self._logits(inputs, category), 1)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=padding)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        return sum(len(row) - 1 for row in rows)

    def _logits(self, tokens: torch.Tensor, category: torch.Tensor) -> list[torch.Tensor]:
        model = self._model
        c = model.category_embedding(category)
        tapes: list[list[torch.Tensor]] = [[] for _ in model.layers]
        memories = [c.new_zeros(len(c), size) for size in model.config.hidden]
        logits = []
        for t in range(tokens.shape[1]):
            h = torch.cat([model.word_embedding(tokens[:, t]), c], -1)
            for at, (category_input, layer) in enumerate(zip(model.category_inputs, model.layers, strict=True)):
                assert isinstance(layer, GruMnLayer)
                x = F.dropout(F.relu(category_input(c) + h), self._dropout)
                h, memories[at] = _cell(layer, x, tapes[at], memories[at])
                tapes[at].append(h)
            context = torch.tanh(model.context(F.dropout(h, self._dropout)) + model.category_context(c))
            logits.append(model.output(context))
        return logits


def _cell(
    layer: GruMnLayer, x: torch.Tensor, tape: Sequence[torch.Tensor], memory: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One position of one layer, all of it computed here and now; the new state and h̃."""
    if tape:
        states = torch.stack(list(tape), 1)
        query = layer.attend_input(x) + layer.attend_memory(memory)
        scores = layer.attend_score(torch.tanh(layer.attend_tape(states) + query[:, None]))
        memory = (F.softmax(scores, 1) * states).sum(1)
    gate_x, candidate_x = layer.input_gates(x).split([2 * layer.hidden, layer.hidden], -1)
    update, reset = torch.sigmoid(gate_x + layer.memory_gates(memory)).chunk(2, -1)
    candidate = torch.tanh(candidate_x + layer.memory_candidate(reset * memory))
    return update * memory + (1 - update) * candidate, memory


def _decoding(vocabulary: Vocabulary, preset: str) -> Table:
    """Random weights: speed does not depend on what they are."""
    threadpool_limits(1)
    sizes = PRESETS[preset]  # type: ignore[index]  # checked by argparse
    config = sizes.config(
        input_size=vocabulary.input_size, output_size=vocabulary.output_size, categories=vocabulary.categories,
        titles=False,
    )  # fmt: skip
    model = GruMn(config)
    decoder = Decoder(config, {key: np.asarray(value) for key, value in model.state_dict().items()})
    words = np.arange(min(1_500, len(vocabulary.words)))
    choices = {0: np.concatenate([[vocabulary.eos_id(0)], words])}
    table = Table("beam groups at once", "ms per token and group, p50", "p99", title=f"{preset}, one thread")
    for groups in (1, 3, 8, 64, 256):
        rows = groups * _GROUP_WIDTH
        times = []
        for repeat in range(60):
            state = decoder.start(np.zeros(rows, np.int64), np.full(rows, vocabulary.bos_id(0)))
            started = time.perf_counter()
            for step in range(_STEPS):
                decoder.shortlist_log_probs(state, choices)
                state = decoder.advance(state, np.full(rows, (7 * step + repeat) % len(words)))
            times.append(1e3 * (time.perf_counter() - started) / _STEPS / groups)
        p50, p99 = np.quantile(times, [0.5, 0.99])
        table.add_row(str(groups), f"{p50:.3f}", f"{p99:.3f}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
