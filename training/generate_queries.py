"""Generates queries offline and publishes them: `python training/generate_queries.py [--home DIR] [--starts N]`.

    start tokens → both models, Algorithm 1 → well formed? → finds a product? → right category? → duplicates merged
    → completion index with source, category, model score and product count → new version

The new version has the current one's models and products and a new completion index. An interrupted run goes on with
the categories that are not done. The same models, texts and options give the same index.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from rich.table import Table

from config.progress import Steps
from config.settings import Settings
from core import artifacts
from core.domain import Source, WeightedQuery
from core.errors import CadenceError
from core.language_model.dynamic_beam import DynamicBeam
from core.retrieval.completions import build_completions
from core.retrieval.storage import load_completions, save_completions
from core.services.bundle import COMPLETIONS
from core.text.embedding import Encoder
from training.generation.gates import by_meaning
from training.generation.index import completions
from training.generation.run import GenerationPlan, run_generation
from training.versions import new_version


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="where the artifacts are (default ./var)")
    plan, beam = GenerationPlan(), DynamicBeam()
    parser.add_argument("--starts", type=int, default=plan.starts, help="start tokens for each of the two models")
    parser.add_argument("--p1", type=float, default=beam.p1, help="least probability of the first word after a start")
    parser.add_argument("--p2", type=float, default=beam.p2, help="of the second")
    parser.add_argument("--p3", type=float, default=beam.p3, help="of every further one, and of the end")
    parser.add_argument("--width", type=int, default=beam.width, help="hypotheses of a beam group")
    parser.add_argument("--max-words", type=int, default=beam.max_words, help="after the start")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    steps = Steps()
    try:
        beam = DynamicBeam(options.p1, options.p2, options.p3, options.width, options.max_words)
        plan = dataclasses.replace(plan, beam=beam, starts=options.starts)
        publish_generated(Settings().storage.cadence_home, plan, steps, options.workers)
    except (CadenceError, ValueError) as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: the next start carries on from here")
        return 130
    return 0


def publish_generated(home: Path, plan: GenerationPlan, steps: Steps, workers: int | None = None) -> str:
    """Generates from the current version of `home` and publishes the result; returns the new version."""
    current = artifacts.open_current(home / "artifacts")
    name = hashlib.sha256(json.dumps([current.version, dataclasses.asdict(plan)]).encode()).hexdigest()[:16]
    work = home / "work" / f"generation-{name}"
    index = load_completions(current.path / COMPLETIONS)
    known = [
        (WeightedQuery(entry.text, entry.weight), entry.category)
        for entry in index.entries()
        if entry.source is Source.HISTORY and entry.category is not None
    ]
    started = time.perf_counter()
    with steps.step("Generating queries") as update:
        own = None
        if current.has("product_categories.npy"):
            encoder = Encoder(str(current.manifest["embedding_model"]))
            own = by_meaning(current.path, encoder, home / "cache" / "embeddings", update)
        texts = [query.text for query, _ in known]
        generated, report = run_generation(current.path, work / "categories", plan, texts, update, workers, own)
    seconds = time.perf_counter() - started
    table = Table("gate", "queries", title=f"{60 * len(generated) / max(seconds, 1e-9):,.0f} kept a minute")
    for gate, count in report.counts.items():
        table.add_row(gate, f"{count:,}")
    steps.console.print(table)
    with steps.step("Building the completion index"):
        prepared = work / "prepared"
        shutil.rmtree(prepared, ignore_errors=True)
        # Links where the file system has them: a version's files are never written to.
        for file in current.manifest["files"]:
            if not file.startswith(f"{COMPLETIONS}/"):
                artifacts.link_or_copy(current.path / file, prepared / file)
        save_completions(build_completions(completions(current.path, known, generated)), prepared / COMPLETIONS)
    version = new_version(home, name)
    counts = {**current.manifest["counts"], "generated": len(generated)}
    kept = {key: value for key, value in current.manifest.items() if key not in ("format", "version", "files")}
    facts = {**kept, "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
             "counts": counts, "generation": report.counts}  # fmt: skip
    with steps.step(f"Publishing {version}"):
        artifacts.publish(home / "artifacts", prepared, version, facts)
        artifacts.remove_old(home / "artifacts")
    shutil.rmtree(work)
    return version


if __name__ == "__main__":
    raise SystemExit(main())
