"""Formats, encodings and compressions, through the catalogue reader."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from core.errors import InputFileError
from core.importing.catalog import read_catalog
from core.importing.report import ImportReport
from core.importing.source import open_source

ROWS = [("1", 'Café table, 24" "round"'), ("2", "Lamp\nwith shade"), ("3", "Stuhl grün")]
TITLES = ['Café table, 24" "round"', "Lamp with shade", "Stuhl grün"]


def titles(path: Path) -> list[str]:
    return read_catalog(path)[0]["title"].to_list()


def report(path: Path) -> ImportReport:
    return read_catalog(path)[1]


def csv_text(separator: str = ",") -> str:
    quoted = [f'{product_id}{separator}"{title.replace(chr(34), chr(34) * 2)}"' for product_id, title in ROWS]
    return "\n".join([f"id{separator}title", *quoted]) + "\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", ";"), ("a.txt", "|")])
def test_delimited(tmp_path: Path, name: str, separator: str, bom: bytes, ending: str) -> None:
    path = tmp_path / name
    path.write_bytes(bom + csv_text(separator).replace("\n", ending).encode())
    assert titles(path) == TITLES


@pytest.mark.parametrize("compressed", [False, True])
def test_latin_1(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / ("a.csv.gz" if compressed else "a.csv")
    data = csv_text().encode("latin-1")
    path.write_bytes(gzip.compress(data) if compressed else data)
    assert titles(path) == TITLES
    assert report(path).encoding.startswith("latin-1")


def test_latin_1_in_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("title,größe\nchair,M\n".encode("latin-1"))
    frame, told = read_catalog(path)
    assert json.loads(frame["attributes"][0]) == {"größe": "M"}
    assert told.columns_attributes == ("größe",)


def test_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(csv_text("\t"), encoding="utf-16")
    assert titles(path) == TITLES


def test_gzip_and_zstandard(tmp_path: Path) -> None:
    plain = tmp_path / "a.csv.gz"
    plain.write_bytes(gzip.compress(csv_text().encode()))
    assert titles(plain) == TITLES
    frame = pl.LazyFrame({"id": [row[0] for row in ROWS], "title": [row[1] for row in ROWS]})
    frame.sink_csv(tmp_path / "a.csv.zst", compression="zstd")
    frame.sink_ndjson(tmp_path / "a.jsonl.zst", compression="zstd")
    assert titles(tmp_path / "a.csv.zst") == TITLES
    assert titles(tmp_path / "a.jsonl.zst") == TITLES
    packed = tmp_path / "b.parquet"
    frame.sink_parquet(packed)
    assert titles(packed) == TITLES
    gz_parquet = tmp_path / "b.parquet.gz"
    gz_parquet.write_bytes(gzip.compress(packed.read_bytes()))
    assert titles(gz_parquet) == TITLES


def test_json_lines_and_arrays(tmp_path: Path) -> None:
    objects: list[dict[str, object]] = [
        {"id": 1, "title": "Chair", "price": 12.5, "colours": ["red", "blue"], "size": {"w": 1}},
        {"id": "b", "title": "Tablé", "in_stock": True, "price": None},
    ]
    lines = tmp_path / "a.jsonl"
    lines.write_text("\ufeff" + "\n\n".join(json.dumps(row, ensure_ascii=False) for row in objects), encoding="utf-8")
    array = tmp_path / "a.json"
    array.write_text(json.dumps(objects), encoding="utf-8")
    good_lines = tmp_path / "b.ndjson"
    good_lines.write_text("\n".join(json.dumps(row) for row in objects))
    for path in (lines, array, good_lines):
        frame, _ = read_catalog(path)
        assert frame["product_id"].to_list() == ["1", "b"]
        assert frame["title"].to_list() == ["Chair", "Tablé"]
        assert frame["price"].to_list() == [12.5, None]
        assert frame["in_stock"].to_list() == [None, True]
    assert json.loads(read_catalog(good_lines)[0]["attributes"][0])["colours"] == "red, blue"


def test_one_broken_json_line_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"id": number, "title": f"chair {number}"}) for number in range(40)]
    path.write_text("\n".join([*lines, "{oops"]))
    frame, told = read_catalog(path)
    assert frame.height == 40
    assert told.bad_rows == {"not a JSON object": 1}


def test_stray_quotes_and_ragged_rows_cost_no_other_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{number},chair {number}" for number in range(60)]
    path.write_text("\n".join(["id,title", '100,TV 55" wide', *rows, "101,lamp,oops,extra", "", "102", '103,"ok"']))
    frame, told = read_catalog(path)
    assert 'TV 55" wide' in frame["title"].to_list()
    assert frame.height == 62
    assert told.bad_rows == {"more cells than columns": 1, "no title": 1}
    assert [example.row for example in told.examples] == [62, 63]


def test_parquet_values_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": [1.0, 2.0], "title": ["a", "b"], "price": [float("nan"), 2.5], "stock": [0, 3]}).write_parquet(
        path
    )
    frame, _ = read_catalog(path)
    assert frame["product_id"].to_list() == ["1", "2"]
    assert frame["price"].to_list() == [None, 2.5]
    assert frame["in_stock"].to_list() == [False, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"id,title\n", "no rows"),
        (bytes(range(256)) * 9, "not a table"),
        (b"PK\x03\x04 zipped", "not a table"),
        (b"<html><body>404</body></html>", "no column for title"),
        (b"PAR1 but not really", "not a readable table"),
        (gzip.compress(b"id,title\n1,chair\n", mtime=0)[:20], "not a readable table"),
        (b'id,title\n1,"never closed\n' + b"2,x\n" * 3000, "never closed"),
        (b"{}\n{}\n", "no"),
    ],
)
def test_what_is_no_table_says_so_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=message) as caught:
        read_catalog(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("a.csv: ")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such file"):
        read_catalog(tmp_path / "a.csv")
    with pytest.raises(InputFileError, match="no such file"):
        read_catalog(tmp_path)


@pytest.mark.parametrize(
    "odd",
    [rb"\ud800", rb"\udfff title", b'", "n": ' + b"9" * 5_000 + b', "m": "', b'", "n": [[1]], "m": "'],
    ids=["surrogate", "other half", "digits", "nested"],
)
def test_json_that_python_can_not_hold_is_a_bad_row_or_a_mark(tmp_path: Path, odd: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"title": "a"}\nnot json\n{"title": "' + odd + b'"}\n')
    rows = open_source(path).frame.collect()
    assert rows.height == 3 and rows["title"][0] == "a"


def test_brackets_without_end_are_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"title": "a"}\n' + b'{"b":' * 100_000 + b"\n")
    assert open_source(path).frame.collect().height == 2
    (tmp_path / "rows.json").write_bytes(b"[" * 100_000)
    with pytest.raises(InputFileError):
        open_source(tmp_path / "rows.json")
