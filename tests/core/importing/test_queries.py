"""Query logs and judged lists."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from core.errors import InputFileError
from core.importing.queries import query_rows, read_queries


def write(folder: Path, *lines: str) -> Path:
    path = folder / "queries.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_three_queries_are_a_log(tmp_path: Path) -> None:
    frame, report = read_queries(write(tmp_path, "query", "red shoes", "desk  lamp", "Tv"))
    assert [(row.query, row.count) for row in query_rows(frame)] == [("red shoes", 1), ("desk lamp", 1), ("Tv", 1)]
    assert not report.judged


def test_commas_in_a_single_column_are_text(tmp_path: Path) -> None:
    frame, _ = read_queries(write(tmp_path, "query", "red shoes, size 9", '"tv, 55"" wide"', "lamp"))
    assert frame["query"].to_list() == ["red shoes, size 9", 'tv, 55" wide', "lamp"]


def test_counts(tmp_path: Path) -> None:
    good = [f"query {number},{number + 1}" for number in range(100)]
    frame, report = read_queries(
        write(tmp_path, "keyword,freq", *good, 'a,"1,200"', "b,", "c,3.0", "d,0", "e,-2", "f,lots")
    )
    counts = {row.query: row.count for row in query_rows(frame)}
    assert (counts["query 9"], counts["a"], counts["b"], counts["c"]) == (10, 1200, 1, 3)
    assert report.bad_rows == {"count is not a positive whole number": 3}
    assert [example.value for example in report.examples] == ["0", "-2", "lots"]


def test_a_click_log(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "user_id,item_id,category,query,click_time,query_time",
        "u1,77,cat,xbox 360 games,2011-10-15 00:04:14.438,2011-10-15 00:00:14.042",
        "u2,,cat,minecraft,,",
    )
    frame, report = read_queries(path)
    click, other = query_rows(frame)
    assert (click.user_id, click.product_id) == ("u1", "77")
    assert click.occurred_at == datetime(2011, 10, 15, 0, 0, 14, 42000, UTC)
    assert (other.product_id, other.occurred_at) == (None, None)
    assert report.columns_ignored == ("category", "click_time")


def test_a_judged_list(tmp_path: Path) -> None:
    frame, report = read_queries(write(tmp_path, "query,product_id,relevance", "l bracket,100001,2.5", "deck over,2,3"))
    assert report.judged
    assert [row.relevance for row in query_rows(frame)] == [2.5, 3.0]
    with pytest.raises(InputFileError, match="relevance is not a number"):
        read_queries(write(tmp_path, "query,relevance", "a,1", "b,good"))


def test_the_published_keystroke_log_works_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pl.DataFrame(
        {
            "query_id": [12, 13],
            "session_id": [354, 355],
            "prefixes": [["s", "sm", "smo"], []],
            "first_prefix_typed_time": ["2023-09-04T20:46:14.293Z", None],
            "final_search_term": ["smarties", "lamp"],
            "search_time": ["2023-09-04T20:46:27.772Z", "2023-09-01T00:00:00.000Z"],
            "popularity": [94, 1],
        }
    ).write_parquet(path)
    frame, report = read_queries(path)
    first, second = query_rows(frame)
    assert (first.query, first.count, first.session_id, first.prefixes) == ("smarties", 94, "354", ("s", "sm", "smo"))
    assert first.occurred_at == datetime(2023, 9, 4, 20, 46, 27, 772000, UTC)
    assert second.prefixes == ()
    assert report.columns_ignored == ("query_id", "first_prefix_typed_time")


def test_timestamps_of_parquet_keep_their_instant(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    time = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    pl.DataFrame({"query": ["a"], "time": [time]}).with_columns(
        pl.col("time").dt.convert_time_zone("Asia/Kolkata")
    ).write_parquet(path)
    assert next(query_rows(read_queries(path)[0])).occurred_at == time


def test_prefixes_as_text(tmp_path: Path) -> None:
    path = write(tmp_path, "query\tprefixes", 'red\t["r", "re"]', "tan\t['t' 'ta']", "blue\tb|bl|", "sea\t")
    path = path.rename(path.with_suffix(".tsv"))
    rows = list(query_rows(read_queries(path)[0]))
    assert [row.prefixes for row in rows] == [("r", "re"), ("t", "ta"), ("b", "bl"), ()]


def test_mapping_and_missing_column(tmp_path: Path) -> None:
    path = write(tmp_path, "what,n", "lamp,3")
    with pytest.raises(InputFileError, match=r"no column for query.*--map query=COLUMN"):
        read_queries(path)
    frame, _ = read_queries(path, {"query": "what", "count": "n"})
    assert next(query_rows(frame)).count == 3
