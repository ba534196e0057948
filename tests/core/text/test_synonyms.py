"""Synonyms in Solr's format, and what they make of a query."""

from pathlib import Path

import pytest

from core.errors import InputFileError
from core.text.synonyms import Synonyms, load_synonyms

LINES = """
# kitchen
fridge, Refrigerators, ice box
tv, telly => television
  # two on the right
couch => sofa, settee
ice => frozen water
fridge => cooler
""".splitlines()


@pytest.mark.parametrize(
    "terms, parts",
    [
        (["tv", "stand"], ((("tv",), ("televis",)), (("stand",),))),
        (["televis"], ((("televis",),),)),  # one way
        (["couch"], ((("couch",), ("sofa",), ("sette",)),)),
        (["refriger"], ((("refriger",), ("fridg",), ("ice", "box")),)),  # no chain to the cooler
        (["fridg"], ((("fridg",), ("refriger",), ("ice", "box"), ("cooler",)),)),  # two lines
        (["red", "ice", "box"], ((("red",),), (("ice", "box"), ("fridg",), ("refriger",)))),  # the longest
        (["ice", "cube"], ((("ice",), ("frozen", "water")), (("cube",),))),
        ([], ()),
    ],
)
def test_forms_of_each_part(terms: list[str], parts: tuple[tuple[tuple[str, ...], ...], ...]) -> None:
    expanded = Synonyms.parse(LINES).expand(terms)
    assert [(one[0], set(one)) for one in expanded] == [(one[0], set(one)) for one in parts]


def test_without_synonyms_each_term_is_a_part() -> None:
    assert Synonyms().expand(["red", "lamp"]) == ((("red",),), (("lamp",),))


def test_what_is_the_same_anyway_is_no_synonym() -> None:
    assert Synonyms.parse(["drill, drills"]) == Synonyms()


@pytest.mark.parametrize(
    "line, says",
    [
        ("fridge", "a word alone"),
        ("tv =>", "'' holds no word"),
        ("=> tv", "'' holds no word"),
        ("tv, !!! => television", "'!!!' holds no word"),
        ("a => b => c", "twice"),
        ("fridge,, cooler", "'' holds no word"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "synonyms.txt"
    path.write_text(f"# mine\n\n{line}\n", encoding="utf-8")
    with pytest.raises(InputFileError, match=rf"synonyms\.txt: line 3: .*{says}"):
        load_synonyms(path)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.txt"
    with pytest.raises(InputFileError, match=r"synonyms\.txt"):
        load_synonyms(path)
    path.write_bytes(b"fridge, caf\xe9")
    with pytest.raises(InputFileError, match="utf-8"):
        load_synonyms(path)
    path.write_text("\ufefffridge, cooler\r\n", encoding="utf-8")
    assert load_synonyms(path).expand(["cooler"]) == ((("cooler",), ("fridg",)),)
