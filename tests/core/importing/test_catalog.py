"""Catalogues: typed values, ids, duplicates, bad rows."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputFileError
from core.importing.catalog import products, read_catalog
from core.text.normalize import normalize


def write(folder: Path, *lines: str, name: str = "shop.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_marketplace_export(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "name,main_category,sub_category,image,ratings,no_of_ratings,discount_price,actual_price",
        'Split AC 1.5 Ton,appliances,Air Conditioners,https://x/y.jpg,4.2,"2,255","₹32,999","₹58,990"',
        "Kettle,appliances,Kettles,https://x/z.jpg,Get,FREE,,₹999",
    )
    frame, report = read_catalog(path)
    first, second = products(frame)
    assert (first.price, first.currency, first.rating, first.rating_count) == (32999.0, "₹", 4.2, 2255)
    assert first.attributes == {"sub_category": "Air Conditioners", "actual_price": "₹58,990"}
    assert (second.price, second.currency, second.rating, second.rating_count) == (None, None, None, None)
    assert report.unreadable_values == {"rating": 1, "rating_count": 1}
    assert report.missing_values == {"rating": 1, "rating_count": 1, "price": 1}
    assert "  rows without: price 1, rating 1, rating_count 1" in report.lines()
    assert report.ids_from_content
    assert len(first.product_id) == 16
    assert read_catalog(path)[0].equals(frame)


def test_ids_from_content_do_not_depend_on_the_column_order(tmp_path: Path) -> None:
    one, _ = read_catalog(write(tmp_path, "title,colour", "chair,red", "chair,blue", "chair,red", name="a.csv"))
    two, report = read_catalog(write(tmp_path, "colour,title", "red,chair", "blue,chair", name="b.csv"))
    assert set(one["product_id"]) == set(two["product_id"])
    assert (one.height, report.duplicates) == (2, 0)


def test_the_last_duplicate_wins(tmp_path: Path) -> None:
    frame, report = read_catalog(write(tmp_path, "id,title", "1,old", "2,other", "1,new"))
    assert dict(frame.select("product_id", "title").iter_rows()) == {"1": "new", "2": "other"}
    assert (report.rows_read, report.rows_kept, report.duplicates) == (3, 2, 1)


def test_one_row_is_a_catalogue(tmp_path: Path) -> None:
    frame, report = read_catalog(write(tmp_path, "sku,product_title", "x,Chair"))
    product = next(products(frame))
    assert (product.product_id, product.title, product.price, dict(product.attributes)) == ("x", "Chair", None, {})
    assert report.columns_used == {"product_id": "sku", "title": "product_title"}


def test_bad_rows_are_counted_shown_and_skipped(tmp_path: Path) -> None:
    good = [f"{number},chair {number}" for number in range(200)]
    frame, report = read_catalog(write(tmp_path, "id,title", *good, "a,", "b,   ", "c,🙂🙂", ",desk"))
    assert frame.height == 200
    assert report.bad_rows == {"no title": 2, "no product_id": 1, "title without a word": 1}
    assert [example.row for example in report.examples] == [201, 202, 203, 204]
    assert report.rows_read == report.rows_kept + sum(report.bad_rows.values())


def test_more_than_five_percent_bad_stops_the_import(tmp_path: Path) -> None:
    good = [f"{number},chair {number}" for number in range(95)]
    allowed = write(tmp_path, "id,title", *good, *[f"x{number}," for number in range(5)])
    assert read_catalog(allowed)[0].height == 95
    refused = write(tmp_path, "id,title", *good, *[f"x{number}," for number in range(6)])
    with pytest.raises(InputFileError, match=r"6 of 101 rows are bad.*skipped 6 rows: no title.*row 96"):
        read_catalog(refused)


def test_numbers_out_of_range_and_wrong_dates_become_missing(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "id,title,price,rating,created_at,in_stock,brand",
        "1,chair,-5,7,yesterday,maybe,nan",
        "2,desk,NaN,4.5,2024-05-01,yes,Oak & Co",
    )
    frame, report = read_catalog(path)
    chair, desk = products(frame)
    assert (chair.price, chair.rating, chair.created_at, chair.in_stock, chair.brand) == (None,) * 5
    assert (desk.price, desk.rating, desk.in_stock, desk.brand) == (None, 4.5, True, "Oak & Co")
    assert desk.created_at is not None
    assert desk.created_at.isoformat() == "2024-05-01T00:00:00+00:00"
    assert report.unreadable_values == {"price": 1, "rating": 1, "in_stock": 1, "created_at": 1}


def test_currency_column_and_currency_symbol(tmp_path: Path) -> None:
    frame, _ = read_catalog(write(tmp_path, "id,title,price,currency", "1,chair,$5,EUR", "2,desk,$6,"))
    assert frame["currency"].to_list() == ["EUR", "$"]


def test_attributes_are_the_named_non_empty_rest(tmp_path: Path) -> None:
    path = write(tmp_path, ',id,title,Colour,"Seat ""height""",note', '0,1,chair,red,"4\\5 ""cm""",', "1,2,desk,N/A,,x")
    frame, report = read_catalog(path)
    assert [json.loads(row) for row in frame["attributes"]] == [
        {"Colour": "red", 'Seat "height"': '4\\5 "cm"'},
        {"note": "x"},
    ]
    assert report.columns_ignored == ("",)


def test_mapping_settles_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path, "code,bezeichnung,preis", '1,Stuhl,"5,50 €"')
    with pytest.raises(InputFileError, match="Columns found: code, bezeichnung, preis"):
        read_catalog(path)
    frame, _ = read_catalog(path, {"product_id": "code", "title": "Bezeichnung", "price": "preis"})
    product = next(products(frame))
    assert (product.product_id, product.title, product.price, product.currency) == ("1", "Stuhl", 5.5, "€")


def test_the_report_is_json_and_text(tmp_path: Path) -> None:
    _, report = read_catalog(write(tmp_path, "name,colour", *[f"chair {number},red" for number in range(30)], ",blue"))
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["bad_rows"] == {"no title": 1}
    assert plain["examples"][0]["row"] == 31
    text = "\n".join(report.lines())
    for part in (
        "30 of 31 rows kept",
        "title ← name",
        "attributes: colour",
        "ids are hashes",
        "skipped 1 rows: no title",
    ):
        assert part in text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=20))
def test_any_titles_are_kept_or_counted(tmp_path: Path, titles: list[str]) -> None:
    path = tmp_path / "any.jsonl"
    wordy = [{"id": f"good{number}", "title": "chair"} for number in range(20 * len(titles))]
    tried = [{"id": str(number), "title": title} for number, title in enumerate(titles)]
    path.write_text("\n".join(json.dumps(row) for row in [*wordy, *tried]), encoding="utf-8")
    frame, report = read_catalog(path)
    kept = {product.product_id: product.title for product in products(frame)}
    assert {row["id"] for row in tried} & set(kept) == {row["id"] for row in tried if normalize(_tidied(row["title"]))}
    assert report.rows_read == report.rows_kept + sum(report.bad_rows.values())


def _tidied(text: str) -> str:
    return "".join(" " if char < " " or "\x7f" <= char <= "\x9f" else char for char in text)
