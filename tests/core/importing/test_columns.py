"""Which column becomes which field."""

import pytest

from core.errors import InputFileError
from core.importing.columns import resolve_columns, split_mapping


@pytest.mark.parametrize(
    "name", ["Product Name", "productName", "product-name", "PRODUCT_NAME", "product_title", "Name"]
)
def test_names_are_compared_by_their_letters(name: str) -> None:
    assert resolve_columns("f.csv", "catalog", [name], {}).used == {"title": name}


@pytest.mark.parametrize("name", ["id", "uid", "product_uid", "sku", "asin", "item_id", "SKU"])
def test_ids(name: str) -> None:
    assert resolve_columns("f.csv", "catalog", [name, "title"]).used["product_id"] == name


def test_the_published_query_log_names_work_as_they_are() -> None:
    columns = ["query_id", "session_id", "prefixes", "first_prefix_typed_time", "final_search_term", "search_time"]
    columns.append("popularity")
    resolved = resolve_columns("f.parquet", "queries", columns)
    assert resolved.used == {
        "query": "final_search_term",
        "count": "popularity",
        "timestamp": "search_time",
        "session_id": "session_id",
        "prefixes": "prefixes",
    }
    assert resolved.rest == ("query_id", "first_prefix_typed_time")


def test_the_better_synonym_wins_and_the_report_says_so() -> None:
    resolved = resolve_columns("f.csv", "catalog", ["name", "title", "discount_price", "price", "mrp"])
    assert resolved.used == {"title": "title", "price": "price"}
    assert resolved.rest == ("name", "discount_price", "mrp")
    assert len(resolved.notes) == 2


def test_the_mapping_wins() -> None:
    resolved = resolve_columns("f.csv", "catalog", ["title", "Label"], {"title": "label"})
    assert resolved.used == {"title": "Label"}
    assert resolved.rest == ("title",)


def test_errors_list_what_was_found() -> None:
    with pytest.raises(InputFileError, match=r"no column for title.*Columns found: sku, colour.*--map title=COLUMN"):
        resolve_columns("f.csv", "catalog", ["sku", "colour"])
    with pytest.raises(InputFileError, match=r"not there.*Columns found: a, b"):
        resolve_columns("f.csv", "catalog", ["a", "b"], {"title": "c"})
    with pytest.raises(InputFileError, match="names no field of a catalog file"):
        resolve_columns("f.csv", "catalog", ["a", "title"], {"titel": "a"})
    with pytest.raises(InputFileError, match="user_id and item_id"):
        resolve_columns("f.csv", "events", ["timestamp", "action"])


def test_mappings_are_split_by_file() -> None:
    split = split_mapping(["title=product_title", "queries:product_id=clicked", "query=kw"])
    assert split == {
        "catalog": {"title": "product_title"},
        "values": {},
        "deletes": {},
        "queries": {"product_id": "clicked", "query": "kw"},
        "events": {"query": "kw"},
    }
    for wrong in ("title", "title=", "nonsense=x", "orders:title=x"):
        with pytest.raises(InputFileError, match="--map"):
            split_mapping([wrong])
