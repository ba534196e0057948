"""The protocol against cases that are counted by hand."""

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from training.evaluation.keystroke_protocol import (
    Search,
    Trial,
    alpha_ndcg,
    calibration,
    difference_by_query,
    measures,
    mistyped,
    one_edit,
    ranks_of,
    read_searches,
    reciprocal,
    success,
    trials_of,
    with_history,
)


def trial(text: str, prefix: str) -> Trial:
    return Trial(Search(text), prefix)


TRIALS = [
    trial("red shoes", "r"),
    trial("red shoes", "red s"),
    trial("lamp", "lam"),
    trial("blue lamp x", "blue lamp x"),
]
LISTS = [["red shoes", "ring"], ["red shirt", "red shoes"], [], ["a", "b", "c", "d", "e"]]


def test_searches_are_read_as_written_in_the_order_of_time(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("query,timestamp,user_id\nRed   SHOES!,2024-01-02T00:00:00Z,u\nlamp,2024-01-01T00:00:00Z,v\n")
    assert read_searches(file) == [
        Search("lamp", datetime(2024, 1, 1, tzinfo=UTC), "v"),
        Search("red shoes!", datetime(2024, 1, 2, tzinfo=UTC), "u"),
    ]


def test_texts_without_times_are_distinct_and_a_judged_list_says_nothing_about_popularity(tmp_path: Path) -> None:
    counts, judged = tmp_path / "counts.csv", tmp_path / "judged.csv"
    counts.write_text("query,count\nlamp,2\nLamp,3\nsofa,1\n")
    judged.write_text("query,relevance\nlamp,2\nlamp,3\nsofa,1\n")
    assert {search.text: search.count for search in read_searches(counts)} == {"lamp": 5, "sofa": 1}
    assert {search.text: search.count for search in read_searches(judged)} == {"lamp": 1, "sofa": 1}
    assert all(search.at is None for search in read_searches(judged))


def test_prefixes_are_drawn_in_order_from_one_generator() -> None:
    texts = ["red shoes", "x", "lamp", "ab"]
    generator = random.Random(0)
    expected = [(text, text[: generator.randint(1, len(text) - 1)]) for text in texts if len(text) > 1]
    drawn = trials_of([Search(text) for text in texts])
    assert [(each.search.text, each.prefix) for each in drawn] == expected
    assert drawn[-1].prefix == "a"  # of two characters there is one prefix


@given(st.text("abc 12é", min_size=2, max_size=12), st.integers(0, 1_000))
def test_a_typo_is_exactly_one_edit_behind_the_first_character(text: str, seed: int) -> None:
    edited = one_edit(text, random.Random(seed))
    assert OSA.distance(text, edited) == 1
    assert edited[0] == text[0]


def test_all_four_edits_occur_and_short_prefixes_have_none() -> None:
    edits = {one_edit("lamps", random.Random(seed)) for seed in range(400)}
    assert "lmaps" in edits and "lamp" in edits
    assert {len(edit) for edit in edits} == {4, 5, 6}
    typos = mistyped([trial("red shoes", "red s"), trial("lamps", "lamp"), trial("sofa beds", "sofa b")], 10)
    assert sorted(each.search.text for each in typos) == ["red shoes", "sofa beds"]
    assert typos == mistyped([trial("red shoes", "red s"), trial("lamps", "lamp"), trial("sofa beds", "sofa b")], 10)


def test_measures_by_hand() -> None:
    ranks = ranks_of(TRIALS, LISTS)
    assert ranks.tolist() == [1, 2, 0, 0]
    assert success(ranks).tolist() == [1, 1, 0, 0]
    assert reciprocal(ranks).tolist() == [1, 0.5, 0, 0]
    found = measures(TRIALS, LISTS, frozenset({"red shoes"}))
    assert found["Success@10"] == 0.5
    assert found["MRR@10"] == pytest.approx(1.5 / 4)
    assert found["unique"] == pytest.approx(1 / 3)  # the first of each text: found, not, not
    assert (found["seen"], found["unseen"]) == (1.0, 0.0)
    assert (found["1–3"], found["4–6"], found["11+"]) == (0.5, 1.0, 0.0)
    assert "7–10" not in found
    assert (found["none"], found["fewer than 5"]) == (0.25, 0.75)


def test_the_eleventh_line_does_not_count() -> None:
    lines = [str(number) for number in range(10)]
    assert ranks_of([trial("lamp", "l"), trial("9", "9")], [[*lines, "lamp"], lines]).tolist() == [0, 10]


def test_a_user_has_a_history_from_the_second_search_on() -> None:
    begun = datetime(2024, 1, 1, tzinfo=UTC)

    def search(text: str, user: str | None, seconds: int) -> Search:
        return Search(text, begun + timedelta(seconds=seconds), user)

    later = [
        search("a", "new", 100),
        search("b", "new", 110),
        search("c", "old", 120),
        search("d", None, 130),
        search("b", "new", 170),  # once more within a minute
        search("b", "new", 231),  # and a minute and a second later
        search("z", "old", 240),
    ]
    before = [search("z", "old", 0), search("y", None, 10)]
    held, new = with_history(before, [Trial(each, "p") for each in later])
    assert held == [1, 2, 4, 5, 6]
    assert new == [1, 2, 5, 6]


def test_an_interval_resamples_whole_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a", "b", "a", "a"]
    ours, other = np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 0.0])
    gain = difference_by_query(texts, ours, other)
    assert gain.value == pytest.approx((3 - 1) / 4)
    # Only a twice, b twice, or one of each can be drawn: gains +1, −1 and +½. Single trials would give others.
    assert (gain.low, gain.high) == (-1.0, 1.0)
    drawn: list[int] = []

    class Generator:
        def integers(self, low: int, high: int, size: int) -> np.typing.NDArray[np.int64]:
            drawn.append(high)
            return np.zeros(size, np.int64)

    monkeypatch.setattr("numpy.random.default_rng", lambda seed: Generator())
    always_a = difference_by_query(texts, ours, other)
    assert (always_a.low, always_a.high) == (1.0, 1.0)
    assert drawn == [2] * 1_000  # two texts, not four trials


def test_calibration_by_hand() -> None:
    bins, error = calibration([0.05, 0.15, 0.11, 1.0], [False, True, False, True])
    assert [(each.lists, each.predicted, each.right) for each in bins] == [
        (1, 0.05, 0.0),
        (2, pytest.approx(0.13), 0.5),
        (1, 1.0, 1.0),
    ]
    assert error == pytest.approx((0.05 + 2 * 0.37 + 0.0) / 4)


def test_alpha_ndcg_by_hand() -> None:
    second, third = 1 / math.log2(3), 1 / math.log2(4)
    pool = [2, 1]  # shoes, lamps
    ideal = 1 + second + 0.5 * third
    assert alpha_ndcg(["shoes", "lamps", "shoes"], pool) == pytest.approx(1.0)
    assert alpha_ndcg(["shoes", "shoes", "lamps"], pool) == pytest.approx((1 + 0.5 * second + third) / ideal)
    assert alpha_ndcg([None, "shoes"], pool) == pytest.approx(second / ideal)
    assert alpha_ndcg(["shoes", "shoes"], pool, k=1) == 1.0
    assert alpha_ndcg([None], []) == 0.0
