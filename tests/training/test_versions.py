"""Names of versions."""

from pathlib import Path

from training.versions import new_version


def test_versions_of_one_second_have_names_in_the_order_of_their_making(tmp_path: Path) -> None:
    names = []
    for _ in range(5):
        names.append(new_version(tmp_path, "0123456789abcdef"))
        (tmp_path / "artifacts" / names[-1]).mkdir(parents=True)
    assert names == sorted(set(names))
    assert all(name.endswith("-01234567") for name in names)
