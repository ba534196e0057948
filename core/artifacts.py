"""Artifacts: one folder a version, published whole, loaded strictly.

    artifacts/
      current                     the version's name; replaced with os.replace, never edited
      previous                    the one that was current before, for going back
      <version>/manifest.json     what it was made from, its metrics, and every file's size and SHA-256
      <version>/…                 JSON, safetensors and .npy only: nothing here can run code

A version is written beside its final name and renamed, so a folder that has its final name is complete. Loading checks
that exactly the listed files are there with the listed hashes; anything else is an ArtifactError that stops the start.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ArtifactError

FORMAT = 7
_CURRENT, _PREVIOUS = "current", "previous"
_MANIFEST = "manifest.json"


def publish(artifacts: Path, prepared: Path, version: str, facts: Mapping[str, object]) -> Path:
    """`store` and `make_current` in one."""
    target = store(artifacts, prepared, version, facts)
    make_current(artifacts, version)
    return target


def store(artifacts: Path, prepared: Path, version: str, facts: Mapping[str, object]) -> Path:
    """Moves the folder `prepared` to `artifacts/<version>` with a manifest of its files and `facts`.

    What is current stays so. `prepared` must be on the same file system. A version already there is an ArtifactError.
    """
    target = artifacts / version
    if target.exists():
        raise ArtifactError(f"version {version} is already published")
    files = {
        path.relative_to(prepared).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(prepared.rglob("*"))
        if path.is_file()
    }
    manifest = {"format": FORMAT, "version": version, **facts, "files": files}
    (prepared / _MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    artifacts.mkdir(parents=True, exist_ok=True)
    prepared.replace(target)
    return target


def adopt(artifacts: Path, candidate: Path) -> str:
    """Moves a version that was stored elsewhere into `artifacts` and makes it current; returns its name.

    As `stage` otherwise.
    """
    make_current(artifacts, stage(artifacts, candidate))
    return candidate.name


def stage(artifacts: Path, candidate: Path) -> str:
    """Moves a version that was stored elsewhere into `artifacts`, where it can be served by name; returns its name.

    `candidate` is its folder, on the same file system. A version already there is an ArtifactError.
    """
    target = artifacts / candidate.name
    if target.exists():
        raise ArtifactError(f"version {candidate.name} is already published")
    candidate.replace(target)
    return candidate.name


def make_current(artifacts: Path, version: str) -> None:
    """Points `current` at a published version, atomically, and remembers which one it replaces."""
    replaced = current_version(artifacts)
    if replaced not in (None, version):
        _point(artifacts, _PREVIOUS, str(replaced))
    _point(artifacts, _CURRENT, version)


def _point(artifacts: Path, name: str, version: str) -> None:
    partial = artifacts / f".{name}.{os.getpid()}.partial"  # two processes that publish at once write two files
    partial.write_text(version + "\n", encoding="utf-8")
    partial.replace(artifacts / name)


def current_version(artifacts: Path) -> str | None:
    """The version that is served, or None before the first one is published."""
    return _pointed(artifacts, _CURRENT)


def previous_version(artifacts: Path) -> str | None:
    """The version that was current before, or None where there is none or it has been removed."""
    version = _pointed(artifacts, _PREVIOUS)
    return version if version in versions(artifacts) else None


def current_mark(artifacts: Path) -> int | None:
    """A number that changes when `current` does, cheap enough to ask for every second; None before the first."""
    try:
        return (artifacts / _CURRENT).stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _pointed(artifacts: Path, name: str) -> str | None:
    try:
        return (artifacts / name).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def link_or_copy(source: Path, target: Path) -> None:
    """`target` with the content of `source`: a link where the file system has them, since versions never change."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def versions(artifacts: Path) -> list[str]:
    """The names of the versions that are there, the oldest first: they begin with the time of their making."""
    if not artifacts.is_dir():
        return []
    return sorted(path.name for path in artifacts.iterdir() if (path / _MANIFEST).is_file())


def remove_old(artifacts: Path, keep: int = 2, also: Collection[str] = ()) -> None:
    """Deletes all but the `keep` newest versions, the current one, the one before it and those named `also`."""
    needed = {current_version(artifacts), previous_version(artifacts), *also}
    for version in versions(artifacts)[:-keep]:
        if version not in needed:
            shutil.rmtree(artifacts / version)


@dataclass(frozen=True, slots=True)
class ArtifactFolder:
    """A published version whose files have been verified."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

    def has(self, name: str) -> bool:
        return name in self.manifest["files"]

    def json(self, name: str) -> Any:
        """The parsed content of a listed JSON file."""
        if not self.has(name):
            raise ArtifactError(f"artifact {self.version} has no {name}")
        return json.loads((self.path / name).read_text(encoding="utf-8"))


def open_current(artifacts: Path) -> ArtifactFolder:
    """The current version, verified. Raises ArtifactError with one line that says what is wrong with which file."""
    version = current_version(artifacts)
    if version is None:
        raise ArtifactError(f"nothing is published in {artifacts}: run `python run_demo.py --prepare-only` first")
    return open_version(artifacts, version)


def open_version(artifacts: Path, version: str) -> ArtifactFolder:
    """The named version, verified. Raises ArtifactError like `open_current`."""
    path = artifacts / version
    manifest = read_manifest(artifacts, version)
    present = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} - {_MANIFEST}
    if extra := present - manifest["files"].keys():
        raise ArtifactError(f"artifact {version} holds a file that its manifest does not list: {min(extra)}")
    for name, expected in manifest["files"].items():
        file = path / name
        if name not in present:
            raise ArtifactError(f"artifact {version}: {name} is missing")
        if file.stat().st_size != expected["bytes"] or _sha256(file) != expected["sha256"]:
            raise ArtifactError(f"artifact {version}: {name} is not the file that was published")
    return ArtifactFolder(path, manifest)


def read_manifest(artifacts: Path, version: str) -> Mapping[str, Any]:
    """A version's manifest; its files are not looked at. Raises ArtifactError when it cannot be read."""
    try:
        manifest = json.loads((artifacts / version / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"artifact {version}: its manifest cannot be read ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArtifactError(f"artifact {version} was not written in format {FORMAT}, the one this program reads")
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
