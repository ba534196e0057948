"""The cache gives back what was put in, and nothing else."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from data_generation.providers.answer_cache import AnswerCache

KEY = AnswerCache.key("a model", "a prompt", "a schema", "1")
PARTS = st.tuples(*[st.text(max_size=3)] * 4)


class Words(BaseModel):
    """An answer."""

    words: list[str]


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "not" / "there yet")


@given(PARTS, PARTS)
def test_everything_that_an_answer_depends_on_makes_the_key(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    first, second = (AnswerCache.key(parts[0], parts[1], parts[2], parts[3]) for parts in (one, other))
    assert (first == second) == (one == other)


def test_an_answer_comes_back(cache: AnswerCache) -> None:
    assert cache.get(KEY, Words) is None
    cache.put(KEY, "a model", Words(words=["ä", "x\u2028"]))
    assert cache.get(KEY, Words) == Words(words=["ä", "x\u2028"])
    assert cache.get(AnswerCache.key("a model", "another prompt", "a schema", "1"), Words) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"answer": 3}', b"\xff\xfe", b'{"model": "a model", "sha256": "0", "answer": "{}"}'],
)
def test_a_damaged_file_is_a_miss(cache: AnswerCache, tmp_path: Path, content: bytes) -> None:
    cache.put(KEY, "a model", Words(words=["a"]))
    (file,) = (tmp_path / "not" / "there yet").iterdir()
    file.write_bytes(content)
    assert cache.get(KEY, Words) is None
    cache.put(KEY, "a model", Words(words=["b"]))
    assert cache.get(KEY, Words) == Words(words=["b"])


def test_an_altered_answer_and_one_of_another_form_are_misses(cache: AnswerCache, tmp_path: Path) -> None:
    class Numbers(BaseModel):
        numbers: list[int]

    cache.put(KEY, "a model", Words(words=["lamp"]))
    assert cache.get(KEY, Numbers) is None
    (file,) = (tmp_path / "not" / "there yet").iterdir()
    stored = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(stored | {"answer": stored["answer"].replace("lamp", "damp")}), encoding="utf-8")
    assert cache.get(KEY, Words) is None


def test_a_write_that_breaks_off_leaves_the_old_answer_and_no_litter(
    cache: AnswerCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError("no space left on device")

    cache.put(KEY, "a model", Words(words=["old"]))
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", broken)
        with pytest.raises(OSError, match="no space"):
            cache.put(KEY, "a model", Words(words=["new"]))
    assert cache.get(KEY, Words) == Words(words=["old"])
    assert [file.name for file in (tmp_path / "not" / "there yet").iterdir()] == [f"{KEY}.json"]
