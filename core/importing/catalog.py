"""Catalogue files → products."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from core.domain import Product
from core.importing.columns import name_key, resolve_columns
from core.importing.report import ImportReport
from core.importing.rows import Check, good_rows
from core.importing.source import flattened, open_source
from core.importing.values import TypedColumn, boolean, currency, moment, price, rating, said, tidy, whole_number
from core.text.normalize import normalize

CATALOG_SCHEMA: Mapping[str, pl.DataType] = {
    "product_id": pl.String(),
    "title": pl.String(),
    "description": pl.String(),
    "brand": pl.String(),
    "category": pl.String(),
    "price": pl.Float64(),
    "currency": pl.String(),
    "rating": pl.Float64(),
    "rating_count": pl.Int64(),
    "image_url": pl.String(),
    "in_stock": pl.Boolean(),
    "created_at": pl.Datetime("us", "UTC"),
    "attributes": pl.String(),  # a JSON object of strings
}

_TYPES = {
    "price": price,
    "rating": rating,
    "rating_count": whole_number,
    "in_stock": boolean,
    "created_at": moment,
}
_CONTENT_HASH_BYTES = 8  # 16 hexadecimal digits: no collision to expect below a hundred million rows


def read_catalog(path: Path, mapping: Mapping[str, str] | None = None) -> tuple[pl.DataFrame, ImportReport]:
    """The products of a file as a frame of `CATALOG_SCHEMA`, and what the import did.

    `mapping` is our field → column in the file. Of rows with one product_id the last wins.
    Raises InputFileError where the file is no catalogue or more than 5 % of its rows are bad.
    """
    source = flattened(open_source(path))
    resolved = resolve_columns(path.name, "catalog", source.columns, mapping)
    used = resolved.used
    attributes = tuple(name for name in resolved.rest if _is_named(name))
    ids_from_content = "product_id" not in used

    title = tidy(pl.col(used["title"]))
    checks = [
        Check(title.is_null(), "no title", pl.lit("")),
        Check(_is_wordless(title), "title without a word", title),
    ]
    if not ids_from_content:
        product_id = tidy(pl.col(used["product_id"]))
        checks.insert(0, Check(product_id.is_null(), "no product_id", title.fill_null("")))
        columns = [TypedColumn("product_id", product_id, product_id)]
    else:
        columns = []
    columns.append(TypedColumn("title", title, title))
    columns.extend(
        _typed(field, used) for field in CATALOG_SCHEMA if field not in {"product_id", "title", "attributes"}
    )
    content = [tidy(pl.col(name)).fill_null("") for name in sorted(source.columns, key=name_key)]
    extra = [_attributes(attributes).alias("attributes")]
    if ids_from_content:
        extra.append(pl.concat_str(content, separator="\x1f").alias("__content"))

    good = good_rows(path.name, source, checks, columns, extra)
    frame = good.frame
    if ids_from_content:
        frame = frame.with_columns(product_id=_content_ids(frame["__content"]))
    frame = frame.unique(subset="product_id", keep="last", maintain_order=True)
    duplicates = good.frame.height - frame.height
    report = ImportReport(
        path=path.name,
        kind="catalog",
        rows_read=good.rows_read,
        rows_kept=frame.height,
        duplicates=duplicates,
        bad_rows=good.bad_rows,
        examples=good.examples,
        columns_used=used,
        columns_attributes=attributes,
        columns_ignored=tuple(name for name in resolved.rest if name not in attributes),
        unreadable_values=good.unreadable,
        encoding=source.encoding,
        ids_from_content=ids_from_content,
        notes=resolved.notes,
    )
    return frame.select([pl.col(name).cast(dtype) for name, dtype in CATALOG_SCHEMA.items()]), report


def products(frame: pl.DataFrame) -> Iterator[Product]:
    """The rows of a frame from `read_catalog`, in its order."""
    for row in frame.select(list(CATALOG_SCHEMA)).iter_rows(named=True):
        yield Product(**{**row, "attributes": json.loads(row["attributes"])})


def _typed(field: str, used: Mapping[str, str]) -> TypedColumn:
    if field == "currency":
        stated = said(pl.col(used["currency"])) if "currency" in used else pl.lit(None, dtype=pl.String)
        found = currency(said(pl.col(used["price"]))) if "price" in used else pl.lit(None, dtype=pl.String)
        return TypedColumn(field, pl.lit(None, dtype=pl.String), pl.coalesce(stated, found))
    if field not in used:
        return TypedColumn(field, pl.lit(None, dtype=pl.String), pl.lit(None, dtype=CATALOG_SCHEMA[field]))
    text = said(pl.col(used[field]))
    return TypedColumn(field, text, _TYPES[field](text) if field in _TYPES else text)


def _is_wordless(text: pl.Expr) -> pl.Expr:
    """Whether `normalize` leaves nothing. Only the few titles without a letter or digit need to be asked."""
    doubtful = pl.when(~text.str.contains(r"[\p{L}\p{N}]")).then(text)
    wordless = doubtful.map_elements(lambda title: normalize(title) == "", return_dtype=pl.Boolean, skip_nulls=True)
    return wordless.fill_null(False)


def _is_named(column: str) -> bool:
    """Columns without a name, such as the row numbers that exports add, say nothing about a product."""
    return name_key(column) != "" and not column.startswith("Unnamed:")


def _attributes(names: tuple[str, ...]) -> pl.Expr:
    """A JSON object of the non-empty values under their columns' names."""
    members = []
    for name in names:
        value = said(pl.col(name))
        member = pl.struct(value.alias(" ".join(name.split()))).struct.json_encode()
        members.append(pl.when(value.is_not_null()).then(member.str.slice(1, member.str.len_chars() - 2)))
    if not members:
        return pl.lit("{}")
    return pl.concat_str(pl.lit("{"), pl.concat_str(members, separator=",", ignore_nulls=True), pl.lit("}"))


def _content_ids(content: pl.Series) -> pl.Series:
    digests = [hashlib.blake2b(row.encode(), digest_size=_CONTENT_HASH_BYTES).hexdigest() for row in content]
    return pl.Series(digests, dtype=pl.String)
