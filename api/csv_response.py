"""Tables as CSV (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Self

from fastapi import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for the beginning of one (OWASP, CSV injection)


class CsvResponse(Response):
    """A file to be saved, UTF-8."""

    media_type = "text/csv"

    @classmethod
    def of(cls, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Self:
        """`name` without its ending. Texts that begin like a formula get an apostrophe in front."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
        return cls(text.getvalue(), headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
