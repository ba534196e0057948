"""One language model from stored lines, on any machine: `python -m training.fit` or, on several GPUs, by `torchrun`.

    torchrun --nproc-per-node 8 -m training.fit --version var/artifacts/VERSION --side title --preset paper --out DIR

`--version` is a folder with `vocabulary.json` and `corpus.npz`, as every published version is one. The run folder
`--out` gets `checkpoint.pt`, `curve.json`, `curve.png` and at the end `weights.safetensors` with `config.json`; started
again it carries on. Processes share each batch by rows, so their number does not change what is learnt.
"""

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from config.progress import Steps, print_error
from core.errors import ArtifactError, CadenceError
from core.language_model.config import PRESETS, GruMnConfig
from core.language_model.corpus import HELD_OUT_AT_MOST
from core.language_model.gru_mn import GruMn
from core.language_model.stored_corpus import CORPUS, load_lines
from core.text.vocabulary import Vocabulary
from training.compute import Compute, launched_compute
from training.train_language_model import plan_from, train
from training.word_vectors import word_vectors


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", type=Path, required=True, metavar="DIR", help="where vocabulary and lines are")
    parser.add_argument("--side", choices=("title", "query"), required=True)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="small")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--initial", type=Path, metavar="DIR", help="a finished run whose weights are the start")
    parser.add_argument("--epochs", type=int, help="instead of the preset's")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        with launched_compute() as compute:
            _fit(options, compute)
    except CadenceError as error:
        print_error(Console(stderr=True), error)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _fit(options: argparse.Namespace, compute: Compute) -> None:
    vocabulary = load_vocabulary(options.version / "vocabulary.json")
    lines = load_lines(options.version / CORPUS, options.side)
    held_out = load_lines(options.version / CORPUS, f"{options.side}_held_out")[:HELD_OUT_AT_MOST]
    sizes = PRESETS[options.preset]
    plan = plan_from(sizes, vocabulary, titles=options.side == "title", lines=len(lines), seed=options.seed)
    if options.epochs:
        plan = dataclasses.replace(plan, epochs=options.epochs)
    initial = load_model(options.initial) if options.initial else None
    vectors = None
    if initial is None:
        texts = [[vocabulary.words[token] for token in line.tokens if token < vocabulary.rare_id] for line in lines]
        texts.append(list(vocabulary.words))  # so that a word of held-out lines alone has a vector too
        vectors = word_vectors(texts, vocabulary, plan.config.embedding, options.seed)
    started = time.perf_counter()
    steps = Steps()
    with steps.step(f"Training on {compute.world} × {compute.device.type}") as update:
        trained = train(
            plan, vocabulary, lines, held_out, options.out,
            update if compute.leads else lambda share, note: None, initial, vectors, compute,
        )  # fmt: skip
    if not compute.leads:
        return
    save_model(trained.model, options.out)
    seconds = time.perf_counter() - started
    steps.say(f"held out {trained.log_likelihood:.4f} nats per token after {seconds:,.0f} s")


def load_vocabulary(file: Path) -> Vocabulary:
    """The vocabulary of a version. Raises ArtifactError when it cannot be read."""
    try:
        return Vocabulary.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, KeyError, ValueError) as error:
        raise ArtifactError(f"{file} is no vocabulary: {error}") from error


def save_model(model: GruMn, folder: Path) -> None:
    """Weights and sizes of `model` as serving reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    (folder / "config.json").write_text(json.dumps(model.config.as_dict(), indent=1))


def load_model(folder: Path) -> GruMn:
    """What `save_model` wrote. Raises ArtifactError when it cannot be read."""
    try:
        model = GruMn(GruMnConfig.from_dict(json.loads((folder / "config.json").read_text())))
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{folder} holds no trained model: {error}") from error
    return model.eval()


if __name__ == "__main__":
    torch.set_float32_matmul_precision("high")
    raise SystemExit(main())
