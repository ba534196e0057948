"""Lines come back as they were saved, sides without any included."""

from pathlib import Path

import pytest

from core.errors import ArtifactError
from core.language_model.corpus import Line
from core.language_model.stored_corpus import CORPUS, load_lines, save_lines


def test_every_side_comes_back(tmp_path: Path) -> None:
    lines = [Line((3, 1), 0, 2.5), Line((), 1), Line((7,), 2)]
    save_lines({"title": lines, "query": []}, tmp_path / CORPUS)
    assert load_lines(tmp_path / CORPUS, "title") == lines
    assert load_lines(tmp_path / CORPUS, "query") == []
    with pytest.raises(ArtifactError, match="no lines named other"):
        load_lines(tmp_path / CORPUS, "other")


def test_no_file_is_an_artifact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        load_lines(tmp_path / CORPUS, "title")
