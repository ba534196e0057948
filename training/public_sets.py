"""Named public data sets → files that the importer reads, in little memory whatever their size.

    python -m training.public_sets amazonqac "hf://datasets/amazon/AmazonQAC/train/**/*.parquet" --out queries.parquet
    python -m training.public_sets amazon-products hf://datasets/milistu/AMAZON-Products-2023 --out catalog.parquet

SOURCE is a Parquet file, a folder, a pattern or an `hf://` address of one of these; polars reads it in a stream.

AmazonQAC (https://huggingface.co/datasets/amazon/AmazonQAC): of the training part, every distinct search term after our
own normalisation with how often it was searched. Test rows (`prefix` instead of `prefixes`) keep their prefix and are
not counted together; the two parts are never mixed. 40 million distinct terms do not fit into the memory of a usual
machine, so rows are first dealt into files by the hash of their term, and one file is counted at a time.

AMAZON-Products-2023 (https://huggingface.co/datasets/milistu/AMAZON-Products-2023): needs `parent_asin` and `title`;
uses `description` and `features` (text or lists of it), `main_category`, `store` as the brand, `average_rating`,
`rating_number`, `price`, `image` and `date_first_available` where they are present. Its embeddings are left alone.
"""

import argparse
import glob
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

import polars as pl
from polars import exceptions

from config.progress import Steps, Update
from core.errors import CadenceError, InputFileError
from core.text.normalize import normalize

PARTS = 64  # files that terms are dealt into: a 64th of 395 million rows is counted in some 300 MB
_TERM, _PREFIXES, _PREFIX, _POPULARITY = "final_search_term", "prefixes", "prefix", "popularity"

# Our field → column of AMAZON-Products-2023.
_PRODUCT_COLUMNS = {
    "product_id": "parent_asin",
    "title": "title",
    "description": "description",
    "features": "features",
    "category": "main_category",
    "brand": "store",
    "rating": "average_rating",
    "rating_count": "rating_number",
    "price": "price",
    "image_url": "image",
    "created_at": "date_first_available",
}
_NEEDED = ("product_id", "title")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["amazonqac", "amazon-products"])
    parser.add_argument("source", metavar="SOURCE", help="Parquet: file, folder, pattern or hf:// address")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the Parquet file to write")
    parser.add_argument("--limit", type=int, help="only the most frequent queries, or the first products")
    parser.add_argument("--min-count", type=int, default=1, help="amazonqac: leave out what was searched less often")
    options = parser.parse_args(arguments)
    steps = Steps()
    try:
        if options.name == "amazonqac":
            rows = amazonqac(options.source, options.out, steps, options.limit, options.min_count)
        else:
            rows = amazon_products(options.source, options.out, steps, options.limit)
    except CadenceError as error:
        steps.fail(error)
        return 1
    except (exceptions.PolarsError, OSError) as error:
        first_line = str(error).strip().split("\n", 1)[0]
        steps.fail(f"{options.source} cannot be read: {first_line}")
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: nothing was written")
        return 130
    steps.say(f"{rows:,} rows in {options.out}")
    return 0


def amazonqac(source: str, out: Path, steps: Steps, limit: int | None = None, min_count: int = 1) -> int:
    """Writes `query` and `count` (training part) or `query`, `prefixes` and `session_id` (test part); returns the rows.

    Ties of equal counts at the `limit` go to the alphabetically first. Raises InputFileError for other columns, and
    what polars raises for a source that cannot be read.
    """
    frame = _scan(source)
    columns = frame.collect_schema().names()
    _need([_TERM], columns, source)
    _need_one_part(source, columns)
    if _PREFIXES not in columns and _PREFIX in columns:
        with steps.step("Reading the test part"):
            term = pl.col(_TERM).map_elements(normalize, return_dtype=pl.String).alias("query")
            tests = frame.select(term, pl.concat_list(_PREFIX).alias("prefixes"), "session_id")
            return _write((tests if limit is None else tests.head(limit)).filter(pl.col("query") != ""), out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as work:
        with steps.step("Dealing rows into files by term"):
            if _POPULARITY in columns:
                # The test part has no such column: asked for in every file, a mixture of the two parts is an error.
                popularity = pl.col(_POPULARITY)
                frame = frame.filter(popularity.is_null() | (popularity >= 0))
            terms = frame.select(pl.col(_TERM).alias("query"), pl.lit(1, pl.Int64).alias("count")).drop_nulls()
            _deal(terms, Path(work) / "terms")
        with steps.step("Counting terms") as update:
            _count_parts(Path(work) / "terms", Path(work) / "normal", update, normalized=True)
        with steps.step("Dealing terms into files by their normal form"):
            _deal(_scan(str(Path(work) / "normal")), Path(work) / "dealt")
        with steps.step("Counting normal forms") as update:
            _count_parts(Path(work) / "dealt", Path(work) / "counted", update, normalized=False)
        with steps.step("Writing"):
            counted = _scan(str(Path(work) / "counted")).filter(pl.col("count") >= min_count)
            if limit is not None:
                counted = counted.top_k(limit, by=["count", "query"], reverse=[False, True])
                counted = counted.sort(["count", "query"], descending=[True, False])
            return _write(counted, out)


def amazon_products(source: str, out: Path, steps: Steps, limit: int | None = None) -> int:
    """Writes a catalogue; returns its rows, those without an id or a title left out. Raises as `amazonqac` does."""
    frame = _scan(source)
    schema = frame.collect_schema()
    _need([_PRODUCT_COLUMNS[name] for name in _NEEDED], schema.names(), source)
    present = {name: column for name, column in _PRODUCT_COLUMNS.items() if column in schema}
    fields = {name: _text(column, schema[column]).alias(name) for name, column in present.items()}
    selected = frame.select(fields.values())
    if "features" in present:
        texts = [name for name in ("description", "features") if name in present]
        told = pl.concat_str(texts, separator=" ", ignore_nulls=True)
        selected = selected.with_columns(pl.when(told != "").then(told).alias("description")).drop("features")
    complete = selected.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in _NEEDED))
    with steps.step("Reading products"):
        return _write(complete if limit is None else complete.head(limit), out)


def _scan(source: str) -> pl.LazyFrame:
    """The rows of a file, of a pattern, or of all Parquet files below a folder."""
    return pl.scan_parquet(_pattern(source))


def _pattern(source: str) -> str:
    is_one = source.endswith(".parquet") or "*" in source
    return source if is_one else f"{source.rstrip('/')}/**/*.parquet"


def _need_one_part(source: str, columns: list[str]) -> None:
    """Raises InputFileError where local files are of the training and of the test part.

    Polars would find out too, but while it writes: what it began goes on for a moment after its error.
    """
    for file in sorted(glob.glob(_pattern(source), recursive=True)):  # noqa: PTH207 - a Path takes no absolute pattern
        if (_POPULARITY in pl.read_parquet_schema(file)) != (_POPULARITY in columns):
            raise InputFileError(f"{source} cannot be read: {Path(file).name} is of another part than the files before")


def _need(needed: list[str], columns: list[str], source: str) -> None:
    missing = [name for name in needed if name not in columns]
    if missing:
        raise InputFileError(f"{source}: no column {' and '.join(missing)}. Columns found: {', '.join(columns)}")


def _text(column: str, dtype: pl.DataType) -> pl.Expr:
    """Lists of text as one text; everything else as it is."""
    cell = pl.col(column)
    return cell.list.join(" ", ignore_nulls=True) if dtype == pl.List(pl.String) else cell


def _deal(terms: pl.LazyFrame, folder: Path) -> None:
    """Writes `query` and `count` below `folder`, equal queries always into the same of `PARTS` folders."""
    part = (pl.col("query").hash(seed=0) % PARTS).alias("part")
    terms.sink_parquet(pl.PartitionBy(folder, key=part, include_key=False), mkdir=True)


def _count_parts(dealt: Path, folder: Path, update: Update, *, normalized: bool) -> None:
    """Adds up the counts of equal queries, part by part; `normalized`: in the normal form, which may leave nothing."""
    if not dealt.exists():
        raise InputFileError("no search term holds a word")
    folder.mkdir()
    parts = sorted(path for path in dealt.iterdir() if path.is_dir())
    for number, part in enumerate(parts, 1):
        counted = _scan(str(part)).group_by("query").agg(pl.col("count").sum()).collect(engine="streaming")
        if normalized:
            texts = pl.Series("query", [normalize(text) for text in counted["query"]], pl.String)
            counted = counted.with_columns(texts).filter(pl.col("query") != "")
        counted.sort("query", "count").write_parquet(folder / f"{number:03}.parquet")
        update(number / len(parts), f"{number} of {len(parts)} files")


def _write(rows: pl.LazyFrame, out: Path) -> int:
    """Streams `rows` into `out`, whole or not at all; returns how many."""
    partial = out.with_name(f".{out.name}.partial")
    try:
        rows.sink_parquet(partial, mkdir=True)
        written = pl.scan_parquet(partial).select(pl.len()).collect().item()
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return int(written)


if __name__ == "__main__":
    raise SystemExit(main())
