"""Files as lazy polars frames of strings: CSV, TSV, JSON Lines and Parquet, plain or compressed.

Polars reads well-formed files, lazily and in parallel. What it refuses (stray quotes, ragged rows, another encoding,
lines that are not JSON) is read again by `lenient`, slower and row by row, so that one bad row costs one row.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from polars import exceptions

from core.errors import InputFileError
from core.importing import lenient
from core.importing.bytes_in import Compression, compression_of, decompressed, head_of

ROW = "__row"  # 1 is the first row after the header
BROKEN = "__broken"  # why a row is not a row of this table, or null

_DELIMITERS = "\t,;|"
_NO_DELIMITER = "\x1f"  # for a single column: its commas are text ("red shoes, size 9")


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file. `frame` has ROW, BROKEN and the file's columns, each String or List(String)."""

    frame: pl.LazyFrame
    columns: tuple[str, ...]
    encoding: str
    notes: tuple[str, ...] = ()


def open_source(path: Path) -> Source:
    """The table in the file at `path`. Raises InputFileError, in one line, where there is none."""
    if not path.is_file():
        raise InputFileError(f"{path.name}: there is no such file")
    if path.stat().st_size == 0:
        raise InputFileError(f"{path.name}: the file is empty")
    compression = compression_of(path)
    try:
        head = head_of(path, compression)
        if not head.strip(b"\xef\xbb\xbf \t\r\n"):
            raise InputFileError(f"{path.name}: the file is empty")
        source = _open(path, compression, head)
    except (exceptions.PolarsError, OSError, EOFError) as error:
        first_line = str(error).strip().split("\n", 1)[0]
        raise InputFileError(f"{path.name}: this is not a readable table ({first_line})") from error
    return source


def flattened(source: Source, keep: str | None = None) -> Source:
    """List columns, but for `keep`, as text: an attribute with several values reads "red, blue"."""
    schema = source.frame.collect_schema()
    lists = [name for name in source.columns if schema[name] == pl.List and name != keep]
    joined = [pl.col(name).list.join(", ", ignore_nulls=True) for name in lists]
    return replace(source, frame=source.frame.with_columns(joined))


def _open(path: Path, compression: Compression, head: bytes) -> Source:
    if head.startswith(b"PAR1"):
        data: Path | bytes = path if compression is Compression.NONE else decompressed(path, compression)
        return _from_parquet(data)
    if lenient.is_binary(head):
        raise InputFileError(f"{path.name}: this is not a table of text (CSV, TSV, JSON Lines or Parquet)")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{" or (start == b"[" and ".json" in path.name.lower()):
        return _from_json_lines(path, compression)
    first_line = head.split(b"\n", 1)[0]
    return _from_delimited(path, compression, _delimiter(path, first_line))


def _delimiter(path: Path, first_line: bytes) -> str:
    """The file's name decides for TSV; otherwise the most frequent candidate of the header line, if there is any."""
    if ".tsv" in path.name.lower() and b"\t" in first_line:
        return "\t"
    counts = {delimiter: first_line.count(delimiter.encode()) for delimiter in _DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] else _NO_DELIMITER


def _from_parquet(data: Path | bytes) -> Source:
    frame = pl.scan_parquet(data)
    schema = frame.collect_schema()
    cells = [_as_text(name, dtype) for name, dtype in schema.items()]
    return _source(frame.select(cells), tuple(schema.names()), "parquet")


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """The column as String, or List(String) for lists; times become ISO with their zone."""
    cell = pl.col(name)
    if dtype.is_float():
        # An id column with a gap is a float column in many exports: 12.0 is the id "12".
        whole = cell.is_finite() & (cell == cell.floor()) & (cell.abs() < 2**53)
        text = pl.when(whole).then(cell.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(cell.cast(pl.String))
        return pl.when(cell.is_nan()).then(None).otherwise(text).alias(name)
    if isinstance(dtype, pl.Datetime):
        utc = cell.dt.convert_time_zone("UTC") if dtype.time_zone else cell
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f").alias(name)
    if isinstance(dtype, pl.List | pl.Array):
        listed = cell.arr.to_list() if isinstance(dtype, pl.Array) else cell
        return listed.cast(pl.List(pl.String), strict=False)
    if isinstance(dtype, pl.Struct):
        return cell.struct.json_encode()
    return cell.cast(pl.String, strict=False)


def _from_delimited(path: Path, compression: Compression, delimiter: str) -> Source:
    try:
        frame = pl.scan_csv(path, separator=delimiter, infer_schema=False)
        columns = frame.collect_schema().names()
        # Text in another encoding shows in the cells (an error) or in the header (a replacement character).
        suspicious = any("\ufffd" in name or "\r" in name for name in columns)
        if not suspicious:
            # Polars leaves the doubled quotes of a quoted header as they are.
            unquoted = {name: name.replace('""', '"') for name in columns}
            table = frame.collect(engine="streaming").rename(unquoted)
            return _source(table.lazy(), tuple(table.columns), "utf-8")
    except exceptions.PolarsError:
        pass
    text, encoding = lenient.decoded(path, compression)
    cells, broken = lenient.delimited_rows(path.name, text, delimiter)
    return _lenient_source(cells, broken, encoding)


def _from_json_lines(path: Path, compression: Compression) -> Source:
    try:
        inferred = pl.scan_ndjson(path, infer_schema_length=None).collect_schema()
        kept = {name: _json_dtype(dtype) for name, dtype in inferred.items()}
        frame = pl.scan_ndjson(path, schema=kept).collect(engine="streaming")
        return _source(frame.lazy(), tuple(kept), "utf-8")
    except exceptions.PolarsError:
        text, encoding = lenient.decoded(path, compression)
        cells, broken = lenient.json_rows(path.name, text)
        return _lenient_source(cells, broken, encoding)


def _json_dtype(dtype: pl.DataType) -> pl.DataType:
    return pl.List(pl.String) if isinstance(dtype, pl.List) else pl.String()


def _lenient_source(cells: dict[str, list[str | None]], broken: list[str | None], encoding: str) -> Source:
    frame = pl.DataFrame({**cells, BROKEN: broken}, schema={**dict.fromkeys(cells, pl.String), BROKEN: pl.String})
    return _source(frame.lazy(), tuple(cells), encoding, broken_known=True)


def _source(frame: pl.LazyFrame, columns: tuple[str, ...], encoding: str, *, broken_known: bool = False) -> Source:
    numbered = frame.with_row_index(ROW, offset=1)
    if not broken_known:
        numbered = numbered.with_columns(pl.lit(None, dtype=pl.String).alias(BROKEN))
    # A blank line is no row; it keeps its number so that the later ones stay findable.
    something = pl.any_horizontal(pl.col(name).is_not_null() for name in (*columns, BROKEN))
    return Source(frame=numbered.filter(something), columns=columns, encoding=encoding)
