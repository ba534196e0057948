"""A ranker joins a version: the same files with a folder `ranking`, under a new name."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.artifacts import ArtifactFolder
from core.ranking.ranker import copy_network, has_ranker, save_network
from core.retrieval.adapter import load_adapter
from core.retrieval.dense import build_dense
from core.retrieval.storage import save_adapted
from core.services.bundle import RANKING
from core.text.embedding import FloatArray
from core.text.terms import terms
from training.joined_version import publish_joined
from training.ranking.learn import Learnt


def publish_ranker(home: Path, version: ArtifactFolder, learnt: Learnt, facts: Mapping[str, object]) -> str:
    """Publishes `version` with what was learnt; returns the new version."""

    def save(folder: Path) -> None:
        save_adapted(learnt.adapter, learnt.index.dense, folder)
        save_network(learnt.network, {**facts, "figures": dict(learnt.figures)}, folder)

    return publish_joined(home, version, RANKING, save, "ranker", {**facts, **learnt.figures})


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
