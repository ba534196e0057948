"""What was learnt on top of a version joins it: the same files with one folder more, under a new name."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from core import artifacts
from core.artifacts import ArtifactFolder
from training.versions import new_version

_OF_THE_MANIFEST = ("format", "version", "files")  # written anew with every version


def publish_joined(
    home: Path,
    version: ArtifactFolder,
    folder: str,
    save: Callable[[Path], None],
    fact: str,
    facts: Mapping[str, object],
) -> str:
    """Publishes `version` with what `save` writes into `folder`; returns the new version. Other files are links.

    `facts` stand in the manifest as `fact`.
    """
    work = home / "work" / f"{fact}-{version.version}"
    shutil.rmtree(work, ignore_errors=True)
    for name in version.manifest["files"]:
        if not name.startswith(f"{folder}/"):
            artifacts.link_or_copy(version.path / name, work / name)
    save(work / folder)
    kept = {name: value for name, value in version.manifest.items() if name not in _OF_THE_MANIFEST}
    name = new_version(home, str(kept.get("fingerprint", fact)))
    artifacts.publish(home / "artifacts", work, name, {**kept, fact: dict(facts)})
    artifacts.remove_old(home / "artifacts")
    return name
