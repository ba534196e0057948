"""Which version a shop's data calls for, decided without loading data or models, so that nothing to do is quick."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core import artifacts
from core.errors import ArtifactError
from core.language_model.config import Preset
from core.text.embedding import PACKAGED_MODEL

_PIPELINE = 7  # raised when the same data would give another artifact


def fingerprint(
    sources: Sequence[str],
    products: int,
    queries: int,
    preset: Preset,
    embedding_model: str | None,
    seed: int,
    since: str = "",
) -> str:
    """Names everything that a version depends on, in 16 hexadecimal digits.

    `sources` are the hashes of the imported files, `products` how many products they gave, `queries` how many rows the
    database holds of these, `since` names what shoppers have completed and what was changed in the catalogue since.
    """
    parts = [_PIPELINE, sorted(sources), products, queries, preset, embedding_model or PACKAGED_MODEL, seed]
    if since:
        parts.append(since)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def new_version(home: Path, name: str) -> str:
    """The name of a version that is about to be published: the time of its making, and what begins `name`.

    Two of one name within a second are told apart by the next free second, so that names stay in order.
    """
    at = datetime.now(UTC)
    while (home / "artifacts" / (version := f"{at:%Y%m%d-%H%M%S}-{name[:8]}")).exists():
        at += timedelta(seconds=1)
    return version


def published(home: Path, wanted: str, fact: str = "fingerprint") -> str | None:
    """The current version if its manifest says `wanted` under this name. Its files are verified when it is served."""
    manifest = _current(home)
    return str(manifest["version"]) if manifest.get(fact) == wanted else None


def other_preset(home: Path, preset: Preset) -> str | None:
    """The preset of the current version where that is another one, for people who wonder why a new one is trained."""
    known = _current(home).get("preset", preset)
    return None if known == preset else str(known)


def _current(home: Path) -> Mapping[str, Any]:
    """The manifest of the current version. A version in an older format is none: it is trained anew."""
    version = artifacts.current_version(home / "artifacts")
    if version is None:
        return {}
    try:
        return artifacts.read_manifest(home / "artifacts", version)
    except ArtifactError:
        return {}
