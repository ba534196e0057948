"""Trains anew for a running service: `python -m training.retrain --job ID --home DIR`, started by POST /admin/retrain.

The database → a candidate below `<home>/candidates` → both versions complete the newest searches → the gate → published
or not. What is published is served soon after: every worker looks for a new `current`. With PROMOTION_SHARE it is shown
to that share of shoppers first, by an experiment (`core.experiments.promotion`). A refused candidate stays where it is,
for people to look at, until the next retraining.
"""

import argparse
import asyncio
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from config.settings import Settings
from core import artifacts
from core.domain import JobState
from core.errors import ArtifactError
from core.services.bundle import load_bundle
from database.connection import Database
from database.job_report import JobReport, JobSteps, run_job
from training.begin_promotion import begin_promotion, served_versions
from training.gate import Verdict, compare
from training.measured_searches import (
    NewestSearches,
    complete_both,
    newest_searches,
    unlearnt_queries,
    without_lines,
)
from training.shop_data import LEARNT_BEFORE, ShopData, WantedVersion, read_shop, wanted_version

SHARES = {
    "Embedding titles": 0.08,
    "Embedding queries": 0.04,
    "Finding pseudo-categories": 0.12,
    "Training the catalogue model": 0.36,
    "Training the query model": 0.18,
    "Building indexes": 0.02,
    "Generating queries": 0.11,
    "Fitting the blend": 0.03,
    "Publishing": 0.01,
    "Measuring": 0.05,
}  # of the time, roughly as the pipeline's steps take it on a small shop


@dataclass(frozen=True, slots=True)
class Retraining:
    """What is learnt, from whom it is kept back, and which version it is compared with."""

    serving: str
    preset: Any
    seed: int
    newest: NewestSearches | None
    wanted: WantedVersion
    data: ShopData


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True, metavar="ID", help="a queued job of the jobs table")
    parser.add_argument("--home", type=Path, metavar="DIR", help="where the artifacts are (default ./var)")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    settings = Settings()
    return run_job(settings.storage.url, options.job, partial(retrain, settings))


def retrain(settings: Settings, report: JobReport) -> int:
    """Trains, measures and publishes or refuses, and ends the job so; returns the exit status."""
    # Imported only here: torch and its companions take seconds in which the job should already say that it lives.
    from training.pipeline import Pipeline

    home = settings.storage.cadence_home
    steps = JobSteps(report, SHARES)
    plan = asyncio.run(_plan(settings))
    candidates = home / "candidates"
    shutil.rmtree(candidates, ignore_errors=True)
    pipeline = Pipeline(home, plan.preset, settings.models.embedding_model, steps, plan.seed)
    data, wanted = plan.data, plan.wanted
    version = pipeline.run(data, wanted.fingerprint, wanted.facts, candidates=candidates)
    with steps.step("Measuring both versions on the newest searches") as update:
        model = settings.models.embedding_model
        serving = load_bundle(settings.storage.artifacts, model, plan.serving)
        candidate = load_bundle(candidates, model, version)
        texts = plan.newest.texts if plan.newest else tuple(unlearnt_queries(data.queries, plan.seed))
        if plan.newest is None:
            serving, candidate = without_lines(serving, texts), without_lines(candidate, texts)
        verdict = compare(*complete_both(serving, candidate, texts, plan.seed, update))
    counts = {"products": len(data.products), "queries": len(data.queries), "measured": len(texts)}
    promoted = None
    if verdict.accepted and settings.experiments.enable_ab_testing and settings.experiments.promotion_share:
        artifacts.remove_old(settings.storage.artifacts, also=asyncio.run(served_versions(settings)))
        artifacts.stage(settings.storage.artifacts, candidates / version)
        promoted = asyncio.run(begin_promotion(settings, version))
    elif verdict.accepted:
        artifacts.remove_old(settings.storage.artifacts, also=asyncio.run(served_versions(settings)))
        artifacts.adopt(settings.storage.artifacts, candidates / version)
    state = JobState.DONE if verdict.accepted else JobState.REJECTED
    report.finish(state, counts=counts, result=_result(plan, version, verdict) | {"promotion": promoted})
    return 0


async def _plan(settings: Settings) -> Retraining:
    """Reads everything from the database. Raises ArtifactError where no version is published to compare with."""
    folder = settings.storage.artifacts
    serving = artifacts.current_version(folder)
    if serving is None:
        raise ArtifactError("nothing is published that a candidate could be compared with")
    manifest = artifacts.read_manifest(folder, serving)
    preset, seed = manifest["preset"], int(manifest.get("seed", 0))
    learnt_before = manifest.get(LEARNT_BEFORE)
    database = Database(settings.storage.url)
    try:
        newest = None
        if LEARNT_BEFORE in manifest:  # of a version that does not say, nobody knows which searches are new to it
            since = datetime.fromisoformat(learnt_before) if learnt_before else None
            newest = await newest_searches(database, settings, since)
        before = newest.since if newest else None
        wanted = await wanted_version(database, settings, preset, seed, before)
        data = await read_shop(database, settings, before)
    finally:
        await database.dispose()
    return Retraining(serving, preset, seed, newest, wanted, data)


def _result(plan: Retraining, version: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "version": version,
        "serving": plan.serving,
        "published": verdict.accepted,  # where there is a promotion: to its share of shoppers
        "measured_on": "newest searches" if plan.newest else "queries that no language model learns from",
        "figures": {name: round(value, 6) for name, value in verdict.figures.items()},
        "reasons": list(verdict.reasons),
    }


if __name__ == "__main__":
    raise SystemExit(main())
