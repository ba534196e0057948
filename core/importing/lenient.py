"""Reading what a strict parser refuses: other encodings, stray quotes, ragged rows, lines that are not JSON.

Everything is held in memory; `source` comes here only after polars has given up on a file.
"""

import csv
import io
import json
from itertools import chain
from pathlib import Path

from core.errors import InputFileError
from core.importing.bytes_in import Compression, decompressed

TOO_MANY_CELLS = "more cells than columns"
NOT_JSON = "not a JSON object"

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_CELL_LIMIT = 10_000_000  # characters; the csv module's own limit is too small for long descriptions
_LINES_IN_A_CELL = 2_000  # a cell with more lines is a quote that was never closed

Rows = tuple[dict[str, list[str | None]], list[str | None]]  # cells by column, and what is wrong with each row


def is_binary(head: bytes) -> bool:
    """Whether `head` cannot be text: zero bytes outside UTF-16, or the signature of an archive or a PDF."""
    if head.startswith(_UTF16):
        return False
    return b"\x00" in head or head.startswith((b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0"))


def decoded(path: Path, compression: Compression) -> tuple[str, str]:
    """The file's text and the name of its encoding.

    Latin-1 is read as Windows-1252, its superset with typographic quotes and the euro sign, as browsers do.
    """
    data = decompressed(path, compression)
    if data.startswith(_UTF16):
        return data.decode("utf-16", errors="replace"), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "latin-1 (windows-1252)"
    except UnicodeDecodeError:  # five bytes have no meaning there, every byte has one here
        return data.decode("latin-1"), "latin-1"


def delimited_rows(file_name: str, text: str, delimiter: str) -> Rows:
    """The cells of delimited text by column. Raises InputFileError where no header or no sane cell is found."""
    csv.field_size_limit(_CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = next((row for row in reader if row), [])
        columns = _unique(header)
        cells: dict[str, list[str | None]] = {name: [] for name in columns}
        broken: list[str | None] = []
        for row in reader:
            if not row:
                continue
            if any(cell.count("\n") > _LINES_IN_A_CELL for cell in row):
                raise InputFileError(f"{file_name}: a quote opened before line {reader.line_num:,} is never closed")
            filled: list[str | None] = [cell if cell else None for cell in row]
            filled.extend([None] * (len(columns) - len(filled)))
            for name, cell in zip(columns, filled, strict=False):
                cells[name].append(cell)
            broken.append(TOO_MANY_CELLS if any(filled[len(columns) :]) else None)
    except csv.Error as error:
        raise InputFileError(f"{file_name}: line {reader.line_num:,} cannot be read ({error})") from error
    return cells, broken


def json_rows(file_name: str, text: str) -> Rows:
    """The cells of JSON Lines, or of one JSON array of objects, by key. Raises InputFileError for other JSON."""
    objects: list[object] = []
    if text.lstrip().startswith("["):
        try:
            objects = list(json.loads(text))
        except (ValueError, RecursionError) as error:  # ValueError: a number of more digits than Python reads, too
            raise InputFileError(f"{file_name}: this is neither JSON Lines nor a JSON array ({error})") from error
    else:
        objects = [_parsed(line) for line in text.split("\n") if line.strip()]
    rows = [row if isinstance(row, dict) else {} for row in objects]
    columns = dict.fromkeys(chain.from_iterable(rows))
    if not columns:
        raise InputFileError(f"{file_name}: no JSON object was found")
    cells = {_utf8(str(name)): [_cell(row.get(name)) for row in rows] for name in columns}
    return cells, [None if isinstance(row, dict) else NOT_JSON for row in objects]


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, thousands of brackets
        return None


def _cell(value: object) -> str | None:
    if value is None or value == "":
        return None
    return _utf8(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _utf8(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON can escape and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _unique(header: list[str]) -> list[str]:
    """Column names without repetition, the way polars renames them."""
    seen: dict[str, int] = {}
    names = []
    for name in header:
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.append(f"{name}_duplicated_{count - 1}" if count else name)
    return names
