"""Measures of a log, by hand."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_generation.realism import (
    click_rates,
    distance,
    head_share,
    repeat_share,
    searches_of,
    shape_of,
    slope,
    with_visits,
)
from data_generation.realism_plots import plot_report
from data_generation.realism_report import distances, people_behind

NOON = datetime(2026, 11, 27, 12)


def log(*rows: tuple[str, float, str]) -> pl.DataFrame:
    """`(user, minutes after noon, query)`."""
    return pl.DataFrame(
        {
            "user_id": [user for user, _, _ in rows],
            "timestamp": [NOON + timedelta(minutes=minutes) for _, minutes, _ in rows],
            "query": [query for _, _, query in rows],
        }
    )


def test_a_row_for_every_click_is_one_search() -> None:
    searches = searches_of(log(("u", 0, "Red  Shoes"), ("u", 0, "red shoes "), ("u", 1, "red shoes"), ("v", 0, " ")))
    assert searches["query"].to_list() == ["red shoes", "red shoes"]


def test_visits_end_after_half_an_hour_of_silence() -> None:
    searches = searches_of(log(("u", 0, "a"), ("u", 10, "b"), ("u", 40, "c"), ("v", 5, "d"), ("u", 41, "e f")))
    visits = with_visits(searches)
    assert visits["gap"].to_list() == [None, 600, 1_800, 60, None]
    shape = shape_of(searches)
    assert sorted(shape.gaps.tolist()) == [60, 600, 1_800]
    assert sorted(shape.visit_searches.tolist()) == [1, 2, 2]
    assert sorted(shape.words.tolist()) == [1, 1, 1, 1, 2]
    assert sorted(shape.characters.tolist()) == [1, 1, 1, 1, 3]


def test_the_slope_of_zipfs_law_is_minus_one() -> None:
    counts = 1_000 / np.arange(1, 501)
    assert slope(counts) == pytest.approx(-1)
    assert slope(counts**2) == pytest.approx(-2)
    assert head_share(np.array([6.0, 2.0, 1.0, 1.0]), 2) == 0.8


def test_distances_are_the_largest_gap() -> None:
    assert distance(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 4])) == 0
    assert distance(np.array([1.0, 2]), np.array([3.0, 4])) == 1
    assert distance(np.array([1.0, 1, 2, 2]), np.array([1.0, 2, 2, 2])) == 0.25
    assert distance(np.array([]), np.array([1.0])) == 1


def test_a_repeat_is_of_one_product_by_one_user() -> None:
    bought = pl.DataFrame({"user_id": list("uuuvv"), "item_id": list("aabab"), "at": [1, 2, 3, 4, 5]})
    assert repeat_share(bought) == 0.2
    assert np.isnan(repeat_share(bought.clear()))


def test_clicks_by_rank_and_search() -> None:
    assert click_rates(pl.Series([1, 1, 3, None]), 4, ranks=3).tolist() == [0.5, 0, 0.25]


def test_a_slip_is_rare_and_one_edit_from_what_is_well_known() -> None:
    rows = [("u", float(n), "garden hose") for n in range(60)]
    rows += [("u", 100.0, "garden hsoe"), ("u", 101.0, "garden house"), ("u", 102.0, "garden chair")]
    assert shape_of(searches_of(log(*rows))).typo_share == pytest.approx(2 / 63)


def test_how_many_might_have_come_is_found_from_those_who_came_twice() -> None:
    generator = np.random.default_rng(1)
    visits = generator.poisson(0.4 * generator.standard_gamma(1.3, 50_000) / 1.3)
    assert people_behind(int(visits.sum()), int((visits > 0).sum())) == pytest.approx(50_000, rel=0.1)
    with pytest.raises(ValueError, match="nobody came twice"):
        people_behind(10, 10)


def test_the_report_is_drawn(tmp_path: Path) -> None:
    shape = shape_of(searches_of(log(*[("u", float(n * n), f"query {n % 7}") for n in range(60)])))
    assert set(map(abs, distances(shape, shape).values())) == {0}
    plot_report(shape, shape, np.array([0.3, 0.1]), np.array([3, 4, 5]), tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"


def test_a_clock_with_a_zone_is_read_as_one_without() -> None:
    naive = log(("u", 0, "a"), ("u", 40, "b"))
    zoned = naive.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC"))
    assert searches_of(zoned).equals(searches_of(naive))


def test_gaps_are_of_one_user_in_any_order_of_the_rows() -> None:
    rows = [("u", 0.0, "a"), ("v", 1.0, "b"), ("u", 29.99, "c"), ("v", 31.0, "d"), ("u", 90.0, "e")]
    shape, backwards = (shape_of(searches_of(log(*some))) for some in (rows, rows[::-1]))
    assert sorted(shape.gaps.tolist()) == pytest.approx([29.99 * 60, 1_800, 60.01 * 60])
    assert sorted(shape.visit_searches.tolist()) == [1, 1, 1, 2]
    assert shape.gaps.tolist() == backwards.gaps.tolist()


def test_the_curve_of_frequencies_is_drawn_from_so_many_searches() -> None:
    searches = searches_of(log(*[("u", float(n), f"query {n % 9}") for n in range(90)]))
    assert shape_of(searches).counts.tolist() == [10.0] * 9
    some = shape_of(searches, limit=30)
    assert some.counts.sum() == 30 and len(some.words) == 90
    assert some.counts.tolist() == sorted(some.counts.tolist(), reverse=True)


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=20), st.lists(st.floats(-9, 9), min_size=1, max_size=20))
def test_a_distance_is_a_share_and_the_same_both_ways(one: list[float], other: list[float]) -> None:
    there, back = distance(np.array(one), np.array(other)), distance(np.array(other), np.array(one))
    assert there == pytest.approx(back) and 0 <= there <= 1
    assert (there == 0) == (distance(np.repeat(one, 2), np.repeat(other, 3)) == pytest.approx(0))


def test_distances_say_in_which_direction_shares_differ() -> None:
    flat = shape_of(searches_of(log(*[("u", 40.0 * n, f"query {n}") for n in range(200)])))
    steep = shape_of(searches_of(log(*[("u", 40.0 * n, f"query {200 // (n + 1)}") for n in range(200)])))
    found = distances(steep, flat)
    assert found["slope"] < -0.5 and found["head_share"] > 0.3
    assert (found["words"], found["inter_arrival"], found["visit_searches"], found["typo_share"]) == (0, 0, 0, 0)


def test_short_texts_numbers_and_what_is_not_rare_are_no_slips() -> None:
    rows = [("u", float(n), ("hose", "lamp 60", "garden hose")[n % 3]) for n in range(90)]
    rows += [("u", 100.0, "hosr"), ("u", 101.0, "lamp 61")]
    rows += [("u", 110.0 + n, "garden hoes") for n in range(5)]  # five of thirty: a thing of its own
    assert shape_of(searches_of(log(*rows))).typo_share == 0


def test_clicks_behind_the_last_rank_count_as_the_last_and_no_search_is_no_rate() -> None:
    assert click_rates(pl.Series([2, 5, 9]), 2, ranks=3).tolist() == [0, 0.5, 1]
    assert click_rates(pl.Series([], dtype=pl.Int32), 0, ranks=2).tolist() == [0, 0]


@pytest.mark.parametrize("mean", [0.1, 1.0, 5.0])
def test_people_are_found_whether_they_come_seldom_or_often(mean: float) -> None:
    generator = np.random.default_rng(2)
    visits = generator.poisson(mean * generator.standard_gamma(1.3, 30_000) / 1.3)
    assert people_behind(int(visits.sum()), int((visits > 0).sum())) == pytest.approx(30_000, rel=0.2)
