"""The loaders on small files in the public sets' own schemas, and what the importer makes of the result."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.importing.catalog import products, read_catalog
from core.importing.queries import query_rows, read_queries
from core.text.normalize import normalize
from training.public_sets import main

TRAIN_SCHEMA = {
    "query_id": pl.Int64(),
    "session_id": pl.String(),
    "prefixes": pl.List(pl.String()),
    "first_prefix_typed_time": pl.String(),
    "final_search_term": pl.String(),
    "search_time": pl.String(),
    "popularity": pl.Int64(),
}
TEST_SCHEMA = {
    "query_id": pl.Int64(),
    "session_id": pl.String(),
    "past_search_terms": pl.String(),
    "prefix": pl.String(),
    "prefix_typed_time": pl.String(),
    "final_search_term": pl.String(),
    "search_time": pl.String(),
}
PRODUCT_SCHEMA = {
    "parent_asin": pl.String(),
    "date_first_available": pl.Datetime("ns"),
    "title": pl.String(),
    "description": pl.String(),
    "filename": pl.String(),
    "main_category": pl.String(),
    "categories": pl.List(pl.String()),
    "store": pl.String(),
    "average_rating": pl.Float64(),
    "rating_number": pl.Float64(),
    "price": pl.Float64(),
    "features": pl.List(pl.String()),
    "details": pl.String(),
    "embeddings": pl.List(pl.Float64()),
    "image": pl.String(),
}


def write_train(path: Path, terms: Sequence[str | None]) -> Path:
    rows = [
        (n, f"s{n}", ["r", "re"], "2023-09-01 10:00:00.000", term, "2023-09-01 10:00:05.000", 7)
        for n, term in enumerate(terms)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=TRAIN_SCHEMA, orient="row").write_parquet(path)
    return path


def load(name: str, source: object, out: Path, *more: str) -> int:
    return main([name, str(source), "--out", str(out), *more])


def counts(path: Path) -> dict[str, int]:
    frame, report = read_queries(path)
    assert report.bad_rows == {} and not report.judged
    return {row.query: row.count for row in query_rows(frame)}


def test_terms_of_many_files_are_counted_in_their_normal_form(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    write_train(folder / "a" / "0.parquet", ["red shoes", "Red  Shoes!", "oak table", None])
    write_train(folder / "b" / "1.parquet", ["red shoes", "🔥", "OAK TABLE", "lamp"])
    out = tmp_path / "queries.parquet"
    for source in (folder, f"{folder}/", f"{folder}/**/*.parquet"):
        assert load("amazonqac", source, out) == 0
        assert counts(out) == {"red shoes": 3, "oak table": 2, "lamp": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["queries.parquet", "train"]


def test_only_the_most_frequent_or_frequent_enough(tmp_path: Path) -> None:
    source = write_train(tmp_path / "0.parquet", ["c", "c", "c", "b", "b", "a", "a", "z"])
    out = tmp_path / "out" / "queries.parquet"
    assert load("amazonqac", source, out, "--limit", "2") == 0
    assert list(counts(out).items()) == [("c", 3), ("a", 2)]
    assert load("amazonqac", source, out, "--min-count", "2") == 0
    assert counts(out) == {"c": 3, "b": 2, "a": 2}


@settings(derandomize=True, deadline=None, max_examples=8)
@given(st.lists(st.text(alphabet="aAbB é!", max_size=4), max_size=40).map(lambda terms: [*terms, "A"]))
def test_counting_in_parts_is_counting(tmp_path_factory: pytest.TempPathFactory, terms: list[str]) -> None:
    folder = tmp_path_factory.mktemp("terms")
    assert load("amazonqac", write_train(folder / "0.parquet", terms), folder / "out.parquet") == 0
    counted = pl.read_parquet(folder / "out.parquet")
    expected = Counter(normalize(term) for term in terms)
    del expected[""]
    assert dict(counted.iter_rows()) == expected


def test_the_test_part_keeps_its_prefixes(tmp_path: Path) -> None:
    rows = [
        (1, "s1", "[]", "red s", "2023-10-01", "Red Shoes", "2023-10-01"),
        (2, "s1", "[]", "red", "2023-10-01", "red shoes", "2023-10-01"),
    ]
    source = tmp_path / "test.parquet"
    pl.DataFrame(rows, schema=TEST_SCHEMA, orient="row").write_parquet(source)
    assert load("amazonqac", source, tmp_path / "out.parquet") == 0
    frame, _ = read_queries(tmp_path / "out.parquet")
    found = [(row.query, row.count, row.session_id, row.prefixes) for row in query_rows(frame)]
    assert found == [("red shoes", 1, "s1", ("red s",)), ("red shoes", 1, "s1", ("red",))]


def test_train_and_test_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_train(tmp_path / "set" / "a.parquet", ["red shoes"])
    tests = pl.DataFrame([(1, "s1", "[]", "r", "2023-10-01", "red", "2023-10-01")], schema=TEST_SCHEMA, orient="row")
    tests.write_parquet(tmp_path / "set" / "b.parquet")
    assert load("amazonqac", tmp_path / "set", tmp_path / "out.parquet") == 1
    tests.write_parquet(tmp_path / "set" / "0.parquet")
    assert load("amazonqac", tmp_path / "set", tmp_path / "out.parquet") == 1
    assert capsys.readouterr().out.count("cannot be read") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_terms_without_a_word_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load("amazonqac", write_train(tmp_path / "0.parquet", ["🔥", "!", None]), tmp_path / "out.parquet") == 1
    assert "no search term holds a word" in capsys.readouterr().out


PRODUCT = {
    "parent_asin": "B01",
    "date_first_available": datetime(2023, 1, 2),
    "title": "Red Running Shoes",
    "description": "For the road.",
    "filename": "meta_Shoes",
    "main_category": "AMAZON FASHION",
    "categories": ["Shoes", "Running"],
    "store": "Fleet",
    "average_rating": 4.5,
    "rating_number": 12.0,
    "price": 59.9,
    "features": ["Light", "Breathable"],
    "details": "{}",
    "embeddings": [0.1, 0.2],
    "image": "https://x.test/1.jpg",
}


def test_products_become_a_catalogue(tmp_path: Path) -> None:
    bare = dict.fromkeys(PRODUCT) | {"parent_asin": "B02", "title": "Oak Table"}
    untitled = PRODUCT | {"parent_asin": "B03", "title": None}
    pl.DataFrame([PRODUCT, bare, untitled], schema=PRODUCT_SCHEMA).write_parquet(tmp_path / "products.parquet")
    out = tmp_path / "catalog.parquet"
    assert load("amazon-products", tmp_path / "products.parquet", out) == 0
    frame, report = read_catalog(out)
    assert (report.bad_rows, report.unreadable_values, report.columns_attributes) == ({}, {}, ())
    first, second = products(frame)
    assert (first.product_id, first.title, first.brand, first.category) == (
        "B01",
        "Red Running Shoes",
        "Fleet",
        "AMAZON FASHION",
    )
    assert first.description == "For the road. Light Breathable"
    assert (first.price, first.rating, first.rating_count, first.image_url) == (59.9, 4.5, 12, "https://x.test/1.jpg")
    assert first.created_at is not None and first.created_at.date() == datetime(2023, 1, 2).date()
    assert (second.product_id, second.description, second.price, second.rating_count) == ("B02", None, None, None)
    assert load("amazon-products", tmp_path / "products.parquet", out, "--limit", "1") == 0
    assert pl.read_parquet(out)["product_id"].to_list() == ["B01"]


@pytest.mark.parametrize("description", ["text", ["two", "parts"]])
def test_descriptions_may_be_text_or_lists_and_most_columns_absent(tmp_path: Path, description: object) -> None:
    row = {"parent_asin": "B01", "title": "Lamp", "description": description}
    pl.DataFrame([row]).write_parquet(tmp_path / "products.parquet")
    assert load("amazon-products", tmp_path / "products.parquet", tmp_path / "catalog.parquet") == 0
    [product] = products(read_catalog(tmp_path / "catalog.parquet")[0])
    assert product.description == ("text" if description == "text" else "two parts")


@pytest.mark.parametrize("name", ["amazonqac", "amazon-products"])
def test_another_file_is_refused_in_one_line(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "other.parquet"
    pl.DataFrame({"colour": ["red"]}).write_parquet(source)
    assert load(name, source, tmp_path / "out.parquet") == 1
    assert "Columns found: colour" in capsys.readouterr().out
    assert load(name, tmp_path / "nothing.parquet", tmp_path / "out.parquet") == 1
    assert not (tmp_path / "out.parquet").exists()
