"""A reranker joins a version: the same files with a folder `reranking`, under a new name."""

import json
from collections.abc import Mapping
from pathlib import Path

from core import artifacts
from core.artifacts import ArtifactFolder
from core.errors import ArtifactError
from core.personalization.features import FEATURES
from core.personalization.reranker import has_reranker, load_reranker, save_reranker
from core.services.bundle import RERANKING
from training.joined_version import publish_joined
from training.reranking.learn import Learnt


def publish_reranker(home: Path, version: ArtifactFolder, learnt: Learnt, facts: Mapping[str, object]) -> str:
    """Publishes `version` with what was learnt; returns the new version."""
    looked = [round(float(share), 4) for share in learnt.seen]
    known = {**facts, "figures": dict(learnt.figures), "looked_at_by_rank": looked}

    def save(folder: Path) -> None:
        save_reranker(learnt.reranker, known, folder)

    return publish_joined(home, version, RERANKING, save, "reranker", {**facts, **learnt.figures})


def carry_over(previous: Path, prepared: Path) -> bool:
    """Gives the version in `prepared` the reranker of the version in `previous`, if that has one that can be used.

    It knows shares and ranks, not products: it holds for those of a later catalogue. One that was trained on other
    features than this program computes stays behind, as no service could load it.
    """
    source = previous / RERANKING
    if not has_reranker(source):
        return False
    try:
        load_reranker(source, FEATURES)
    except ArtifactError:
        return False
    for file in sorted(source.iterdir()):
        artifacts.link_or_copy(file, prepared / RERANKING / file.name)
    return True


def facts_of(version: Path) -> Mapping[str, object]:
    """What is known of the reranker in a version's folder; empty without one."""
    file = version / RERANKING / "reranker.json"
    known: dict[str, object] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return known
