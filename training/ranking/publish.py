"""A ranker joins a version: the same files with a folder `ranking`, under a new name."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from core import artifacts
from core.artifacts import ArtifactFolder
from core.ranking.ranker import copy_network, has_ranker, save_network
from core.retrieval.adapter import load_adapter
from core.retrieval.dense import build_dense
from core.retrieval.storage import save_adapted
from core.services.bundle import RANKING
from core.text.embedding import FloatArray
from core.text.terms import terms
from training.ranking.learn import Learnt

_OF_THE_MANIFEST = ("format", "version", "files")  # written anew with every version


def publish_ranker(home: Path, version: ArtifactFolder, learnt: Learnt, facts: Mapping[str, object]) -> str:
    """Publishes `version` with what was learnt; returns the new version. Its other files are links to the same ones."""
    work = home / "work" / f"ranker-{version.version}"
    shutil.rmtree(work, ignore_errors=True)
    for name in version.manifest["files"]:
        if not name.startswith(f"{RANKING}/"):
            artifacts.link_or_copy(version.path / name, work / name)
    save_adapted(learnt.adapter, learnt.index.dense, work / RANKING)
    save_network(learnt.network, {**facts, "figures": dict(learnt.figures)}, work / RANKING)
    kept = {name: fact for name, fact in version.manifest.items() if name not in _OF_THE_MANIFEST}
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{str(kept.get('fingerprint', 'ranker'))[:8]}"
    artifacts.publish(home / "artifacts", work, name, {**kept, "ranker": {**facts, **learnt.figures}})
    artifacts.remove_old(home / "artifacts")
    return name


def carry_over(previous: Path, prepared: Path, titles: Sequence[str], vectors: FloatArray) -> bool:
    """Gives the version in `prepared` the ranker of the version in `previous`, if that has one.

    What was learnt is about terms and features, not about rows: it holds for the products of a later catalogue.
    """
    ranking = previous / RANKING
    if not has_ranker(ranking):
        return False
    adapter = load_adapter(ranking)
    adapted = adapter.titles(vectors, [terms(title) for title in titles])
    save_adapted(adapter, build_dense(adapted), prepared / RANKING)
    copy_network(ranking, prepared / RANKING)
    return True
