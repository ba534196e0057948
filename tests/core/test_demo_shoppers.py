"""The file of demo shoppers: written whole, read strictly."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core.demo_shoppers import FILE, DemoShopper, load_demo_shoppers, save_demo_shoppers
from core.errors import InputFileError

GAMER = DemoShopper("demo-gamer", "gamer", "Gamer", "Plays a lot.", ("Video Games", "Electronics"))
READER = DemoShopper("demo-book-lover", "book lover", "Book lover", "Liest “viel”.", ())
ROW = {**asdict(GAMER), "favourites": list(GAMER.favourites)}


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save_demo_shoppers(tmp_path, [GAMER, READER])
    assert load_demo_shoppers(tmp_path) == (GAMER, READER)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]  # no draft is left
    save_demo_shoppers(tmp_path, [replace(GAMER, name="Player")])
    assert [one.name for one in load_demo_shoppers(tmp_path)] == ["Player"]


def test_the_page_finds_plain_rows(tmp_path: Path) -> None:
    save_demo_shoppers(tmp_path, [GAMER])
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8")) == [ROW]


def test_without_a_file_there_is_nobody(tmp_path: Path) -> None:
    assert load_demo_shoppers(tmp_path) == ()
    assert load_demo_shoppers(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "cannot be read"),
        ("{}", "does not hold a list"),
        ("[1]", "shopper 1: not an object"),
        (json.dumps([ROW, {**ROW, "user_id": ""}]), "shopper 2: user_id: a text is needed"),
        (json.dumps([{**ROW, "about": 3}]), "about: a text is needed"),
        (json.dumps([{**ROW, "age": 3}]), "age: missing, or unknown"),
        (json.dumps([{"user_id": "demo-gamer"}]), "about, favourites, name, persona: missing, or unknown"),
        (json.dumps([{**ROW, "favourites": ["a", "b", "c", "d"]}]), "a list of 3 texts at most"),
        (json.dumps([{**ROW, "favourites": [None]}]), "a list of 3 texts at most"),
        (json.dumps([ROW, ROW]), "names a user_id twice"),
    ],
)
def test_a_broken_file_is_said(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(InputFileError, match=said) as caught:
        load_demo_shoppers(tmp_path)
    assert str(tmp_path / FILE) in str(caught.value)
    assert "writes it anew" in str(caught.value)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(InputFileError, match="cannot be read"):
        load_demo_shoppers(tmp_path)
