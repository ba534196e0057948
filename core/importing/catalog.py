"""Catalogue files → products."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from core.domain import Product
from core.importing.columns import name_key, resolve_columns
from core.importing.report import ImportReport
from core.importing.rows import Check, Field, good_rows
from core.importing.source import flattened, open_source
from core.importing.values import boolean, currency, moment, price, rating, said, tidy, whole_number
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

_READ = {
    "price": price,
    "rating": rating,
    "rating_count": whole_number,
    "in_stock": boolean,
    "created_at": moment,
}
_IDS = {"product_id", "title"}
_IN_PRICE = "__currency_in_price"
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

    fields = [Field("title", tidy(pl.col(used["title"])))]
    checks = [
        Check(pl.col("title").is_null(), "no title", pl.lit("")),
        Check(_is_wordless(pl.col("title")), "title without a word", pl.col("title")),
    ]
    if not ids_from_content:
        fields.append(Field("product_id", tidy(pl.col(used["product_id"]))))
        checks.insert(0, Check(pl.col("product_id").is_null(), "no product_id", pl.col("title").fill_null("")))
    fields.extend(
        Field(name, said(pl.col(column)), _READ.get(name)) for name, column in used.items() if name not in _IDS
    )
    if "price" in used:
        fields.append(Field(_IN_PRICE, said(pl.col(used["price"])), currency))
    content = [tidy(pl.col(name)).fill_null("") for name in sorted(source.columns, key=name_key)]
    extra = [_attributes(attributes).alias("attributes")]
    if ids_from_content:
        extra.append(pl.concat_str(content, separator="\x1f").alias("__content"))

    good = good_rows(path.name, source, fields, checks, extra)
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
        unreadable_values={name: count for name, count in good.unreadable.items() if name != _IN_PRICE},
        missing_values={name: count for name in used if (count := frame[name].null_count())},
        encoding=source.encoding,
        ids_from_content=ids_from_content,
        notes=resolved.notes,
    )
    return _complete(frame), report


def products(frame: pl.DataFrame) -> Iterator[Product]:
    """The rows of a frame from `read_catalog`, in its order."""
    for row in frame.select(list(CATALOG_SCHEMA)).iter_rows(named=True):
        yield Product(**{**row, "attributes": json.loads(row["attributes"])})


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns of CATALOG_SCHEMA: absent ones null, the currency from its own column or else from the price."""
    symbols = [pl.col(name) for name in ("currency", _IN_PRICE) if name in frame.columns]
    completed = frame.with_columns(currency=pl.coalesce(symbols) if symbols else pl.lit(None))
    columns = {name: pl.col(name) if name in completed.columns else pl.lit(None) for name in CATALOG_SCHEMA}
    return completed.select(column.cast(CATALOG_SCHEMA[name]).alias(name) for name, column in columns.items())


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
