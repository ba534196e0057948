"""One short query in each back-end of the sentence encoder: `python -m tests.benchmarks.query_encoder --queries FILE`.

500 different queries of three to six words, one at a time in one thread, the back-ends taking turns so that a busy
machine is unfair to none: ours exact and in 8 bits, sentence-transformers in torch, torch with linear layers in dynamic
int8, and torch's export in ONNX Runtime, in float32 and in dynamic int8 in two ways. Prints median and p99 in
milliseconds and the least and mean cosine with float32. The export needs `pip install onnxscript`; without it it is
left out and said.
"""

import argparse
import importlib
import importlib.util
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and numpy are imported

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sentence_transformers import SentenceTransformer
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

from core.importing.queries import query_rows, read_queries
from core.text.bert import BertEncoder
from core.text.embedding import FloatArray, _location
from core.text.normalize import normalize

_QUERIES = 500
_MAX_TOKENS = 64
_OURS = "ours, 8 bits"

Back = Callable[[str], FloatArray]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=Path, required=True, metavar="FILE", help="a query log or a judged list")
    parser.add_argument(
        "--model", metavar="FOLDER", help="a sentence-transformers folder; default: the packaged MiniLM"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts = sorted({normalize(row.query) for row in query_rows(read_queries(options.queries)[0])})
    texts = [text for text in texts if 3 <= len(text.split()) <= 6]
    random.Random(0).shuffle(texts)
    texts = texts[:_QUERIES]
    console = Console()
    with threadpool_limits(1), tempfile.TemporaryDirectory() as scratch:
        backs = dict(_backs(Path(_location(options.model)), Path(scratch), console))
        console.print(_table(backs, texts))
    return 0


def _table(backs: dict[str, Back], texts: Sequence[str]) -> Table:
    seconds: dict[str, list[float]] = {name: [] for name in backs}
    vectors: dict[str, list[FloatArray]] = {name: [] for name in backs}
    for text in texts[:20]:
        for encode in backs.values():
            encode(text)
    for text in texts:
        for name, encode in backs.items():
            begun = time.perf_counter()
            vector = encode(text)
            seconds[name].append(time.perf_counter() - begun)
            vectors[name].append(vector)
    table = Table(
        "back-end", "p50 ms", "p99 ms", "ours ÷ its p50", "least cosine", "mean cosine", title=f"{len(texts)} queries"
    )
    exact = np.stack(vectors["torch float32"])
    ours = float(np.median(seconds[_OURS]))
    for name, taken in seconds.items():
        p50, p99 = np.quantile(taken, [0.5, 0.99])
        cosine = (np.stack(vectors[name]) * exact).sum(1)
        table.add_row(
            name,
            f"{1e3 * p50:.2f}",
            f"{1e3 * p99:.2f}",
            f"{ours / p50:.2f}",
            f"{cosine.min():.5f}",
            f"{cosine.mean():.5f}",
        )
    return table


def _backs(folder: Path, scratch: Path, console: Console) -> Iterator[tuple[str, Back]]:
    encoder = BertEncoder(folder, _MAX_TOKENS)
    yield _OURS, encoder.encode_query
    yield "ours, float32", lambda text: encoder.encode([text])[0]
    library = _library(folder)
    yield "torch float32", _of_library(library)
    small = _library(folder)
    quantize: Any = torch.ao.quantization.quantize_dynamic
    small[0].model = quantize(small[0].model, {torch.nn.Linear}, torch.qint8)
    yield "torch int8", _of_library(small)
    if importlib.util.find_spec("onnxscript") is None:
        console.print("without torch's export: onnxscript not installed")
        return
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    exported = scratch / "float32.onnx"
    _export(library[0].model, exported)
    yield "torch's export, float32", _session(folder, exported)
    for name, options in (("plain", {}), ("by channel, 7 bits", {"per_channel": True, "reduce_range": True})):
        path = scratch / f"{name}.onnx"
        quantization.quantize_dynamic(exported, path, weight_type=quantization.QuantType.QInt8, **options)
        yield f"torch's export, int8, {name}", _session(folder, path)


def _library(folder: Path) -> Any:
    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = _MAX_TOKENS
    return model


def _of_library(model: Any) -> Back:
    return lambda text: np.asarray(
        model.encode([text], normalize_embeddings=True, show_progress_bar=False)[0], np.float32
    )


def _export(model: Any, path: Path) -> None:
    """The transformer alone: pooling over one text is a mean."""
    ids = torch.ones(1, 8, dtype=torch.int64)
    tokens = torch.export.Dim("tokens", min=2, max=_MAX_TOKENS)
    torch.onnx.export(
        model,
        (ids, torch.ones_like(ids)),
        path,
        input_names=["input_ids", "attention_mask"],
        output_names=["hidden"],
        dynamic_shapes={"input_ids": {1: tokens}, "attention_mask": {1: tokens}},
        dynamo=True,
        external_data=False,
    )


def _session(folder: Path, path: Path) -> Back:
    onnxruntime: Any = importlib.import_module("onnxruntime")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_TOKENS)

    def encode(text: str) -> FloatArray:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        hidden = session.run(["hidden"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        mean = hidden.mean(0)
        vector: FloatArray = mean / np.linalg.norm(mean)
        return vector

    return encode


if __name__ == "__main__":
    raise SystemExit(main())
