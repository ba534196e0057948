"""Artifacts: one folder a version, published whole, loaded strictly.

    artifacts/
      current                     the version's name; replaced with os.replace, never edited
      <version>/manifest.json     what it was made from, its metrics, and every file's size and SHA-256
      <version>/…                 JSON, safetensors and .npy only: nothing here can run code

A version is written beside its final name and renamed, so a folder that has its final name is complete. Loading checks
that exactly the listed files are there with the listed hashes; anything else is an ArtifactError that stops the start.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ArtifactError

FORMAT = 2
_CURRENT = "current"
_MANIFEST = "manifest.json"


def publish(artifacts: Path, prepared: Path, version: str, facts: Mapping[str, object]) -> Path:
    """Moves the folder `prepared` to `artifacts/<version>` with a manifest of its files and `facts`; makes it current.

    `prepared` must be on the same file system. A version already published is an ArtifactError.
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
    make_current(artifacts, version)
    return target


def make_current(artifacts: Path, version: str) -> None:
    """Points `current` at a published version, atomically."""
    partial = artifacts / f".{_CURRENT}.partial"
    partial.write_text(version + "\n", encoding="utf-8")
    partial.replace(artifacts / _CURRENT)


def current_version(artifacts: Path) -> str | None:
    """The version that is served, or None before the first one is published."""
    try:
        return (artifacts / _CURRENT).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def remove_old(artifacts: Path, keep: int = 2) -> None:
    """Deletes all but the `keep` newest versions and the current one."""
    current = current_version(artifacts)
    versions = sorted(
        (path for path in artifacts.iterdir() if (path / _MANIFEST).is_file()), key=lambda path: path.name
    )
    for path in versions[:-keep]:
        if path.name != current:
            shutil.rmtree(path)


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
