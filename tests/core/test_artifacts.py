"""Versions that are stored, adopted, made current and removed."""

from pathlib import Path

import pytest

from core import artifacts
from core.errors import ArtifactError


def prepared(folder: Path) -> Path:
    made = folder / "prepared"
    made.mkdir(parents=True)
    (made / "content.bin").write_bytes(b"something")
    return made


def publish(folder: Path, *versions: str) -> Path:
    for version in versions:
        artifacts.publish(folder / "artifacts", prepared(folder), version, {"made_of": version})
    return folder / "artifacts"


def test_a_published_version_is_current_and_remembers_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    assert artifacts.versions(folder) == []
    assert (artifacts.current_version(folder), artifacts.previous_version(folder)) == (None, None)
    assert artifacts.current_mark(folder) is None
    publish(tmp_path, "1")
    assert (artifacts.current_version(folder), artifacts.previous_version(folder)) == ("1", None)
    mark = artifacts.current_mark(folder)
    publish(tmp_path, "2")
    assert (artifacts.current_version(folder), artifacts.previous_version(folder)) == ("2", "1")
    assert artifacts.current_mark(folder) not in (None, mark)
    artifacts.make_current(folder, "2")  # again: nothing was replaced
    assert artifacts.previous_version(folder) == "1"
    assert artifacts.open_current(folder).manifest["made_of"] == "2"
    assert artifacts.open_version(folder, "1").manifest["made_of"] == "1"
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "current", "previous"]


def test_a_candidate_is_no_version_until_it_is_adopted(tmp_path: Path) -> None:
    folder = publish(tmp_path, "1")
    candidate = artifacts.store(tmp_path / "candidates", prepared(tmp_path), "2", {})
    assert artifacts.versions(folder) == ["1"] and artifacts.current_version(folder) == "1"
    assert artifacts.open_version(tmp_path / "candidates", "2").version == "2"
    assert artifacts.adopt(folder, candidate) == "2" == artifacts.current_version(folder)
    assert artifacts.open_current(folder).version == "2"
    assert not candidate.exists()
    again = artifacts.store(tmp_path / "candidates", prepared(tmp_path), "2", {})
    with pytest.raises(ArtifactError, match="already published"):
        artifacts.adopt(folder, again)
    with pytest.raises(ArtifactError, match="already published"):
        publish(tmp_path, "1")


def test_what_is_served_and_what_it_replaced_are_not_removed(tmp_path: Path) -> None:
    folder = publish(tmp_path, "1", "2", "3", "4", "5")
    artifacts.make_current(folder, "2")
    artifacts.make_current(folder, "1")
    artifacts.remove_old(folder)
    assert artifacts.versions(folder) == ["1", "2", "4", "5"]
    artifacts.make_current(folder, "5")
    artifacts.remove_old(folder)
    assert artifacts.versions(folder) == ["1", "4", "5"]
    assert artifacts.previous_version(folder) == "1"
