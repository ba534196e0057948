"""Which column of a file is which of our fields: canonical names, their synonyms, and the shop's own mapping.

Names are compared by their letters and digits alone, so "Product Name", "productName" and "product-name" are equal.
The order of a field's synonyms is their rank: where two columns claim one field, the earlier synonym wins.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.errors import InputFileError

_PRODUCT_ID = ("product_id", "product_uid", "uid", "id", "item_id", "sku", "asin", "product_code", "parent_asin")
_USER_ID = ("user_id", "user", "customer_id", "client_id", "visitor_id", "shopper_id")
_SESSION_ID = ("session_id", "session", "user_session", "visit_id")
_QUERY = (
    "query", "search_query", "search_term", "final_search_term", "query_text", "keyword", "keywords", "term", "search",
    "q", "phrase",
)  # fmt: skip
_TIMESTAMP = (
    "timestamp", "query_time", "search_time", "event_time", "occurred_at", "time", "datetime", "date", "created_at",
    "ts",
)  # fmt: skip

_CATALOG: Mapping[str, tuple[str, ...]] = {
    "product_id": _PRODUCT_ID,
    "title": ("title", "product_title", "product_name", "name", "item_name", "product"),
    "description": (
        "description", "product_description", "long_description", "desc", "short_description", "details", "body",
    ),
    "brand": ("brand", "brand_name", "product_brand", "manufacturer", "vendor", "maker"),
    "category": (
        "category", "product_category", "main_category", "category_name", "categories", "department",
        "product_type", "sub_category", "subcategory",
    ),
    "price": (
        "price", "sale_price", "discount_price", "discounted_price", "selling_price", "final_price",
        "current_price", "product_price", "unit_price",
    ),
    "currency": ("currency", "currency_code", "price_currency"),
    "rating": ("rating", "ratings", "average_rating", "avg_rating", "stars", "product_rating", "rating_average"),
    "rating_count": (
        "rating_count", "ratings_count", "no_of_ratings", "num_ratings", "number_of_ratings", "rating_number",
        "review_count", "reviews_count", "no_of_reviews", "num_reviews", "number_of_reviews", "reviews",
    ),
    "image_url": (
        "image_url", "image", "image_link", "img", "img_link", "img_url", "image_src", "picture", "thumbnail",
    ),
    "in_stock": ("in_stock", "availability", "available", "is_available", "stock_status", "stock"),
    "created_at": ("created_at", "created", "created_on", "date_added", "added_at", "published_at", "release_date"),
}  # fmt: skip

FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "catalog": _CATALOG,
    # Files that change a catalogue in part.
    "values": {name: _CATALOG[name] for name in ("product_id", "price", "in_stock", "rating", "rating_count")},
    "deletes": {"product_id": _PRODUCT_ID},
    "queries": {
        "query": _QUERY,
        "count": ("count", "popularity", "frequency", "freq", "counts", "volume", "search_volume", "searches", "hits"),
        "relevance": ("relevance", "relevance_score", "median_relevance", "grade", "judgment", "judgement"),
        "timestamp": _TIMESTAMP,
        "user_id": _USER_ID,
        "session_id": _SESSION_ID,
        "product_id": ("product_id", "clicked_product_id", "product_uid", "item_id", "sku", "asin", "uid"),
        "prefixes": ("prefixes", "prefix_list", "keystrokes"),
    },
    "events": {
        "user_id": _USER_ID,
        "timestamp": _TIMESTAMP,
        "action_type": ("action_type", "event_type", "action", "event", "event_name", "interaction_type"),
        "item_id": ("item_id", *(name for name in _PRODUCT_ID if name not in {"item_id", "id"})),
        "session_id": _SESSION_ID,
        "query": _QUERY,
        "item_rank": ("item_rank", "position", "rank", "item_position"),
        "duration_seconds": ("duration_seconds", "duration", "dwell_time", "time_spent", "dwell_seconds"),
    },
}  # fmt: skip

# The id of a catalogue can be made from its content (catalog.py), so it is not listed.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "catalog": ("title",),
    "values": ("product_id",),
    "deletes": ("product_id",),
    "queries": ("query",),
    "events": ("user_id", "timestamp", "action_type", "item_id"),
}


@dataclass(frozen=True, slots=True)
class ResolvedColumns:
    """The outcome for one file: `used` is field → column, `rest` the columns that no field took, in file order."""

    used: Mapping[str, str]
    rest: tuple[str, ...]
    notes: tuple[str, ...]


def name_key(name: str) -> str:
    """Letters and digits of `name`, folded: what two spellings of one column name share."""
    return "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char.isalnum())


def resolve_columns(
    file_name: str, kind: str, columns: Sequence[str], mapping: Mapping[str, str] | None = None
) -> ResolvedColumns:
    """Assign the file's columns to the fields of `kind`; `mapping` (our field → column in the file) wins.

    Raises InputFileError for a mapping with an unknown field or an absent column, and for a missing required field.
    """
    by_key: dict[str, str] = {}
    for column in columns:
        by_key.setdefault(name_key(column), column)
    by_key.pop("", None)

    used = _mapped(file_name, kind, columns, by_key, mapping or {})
    notes: list[str] = []
    taken = set(used.values())
    for field, synonyms in FIELDS[kind].items():
        claims = list(dict.fromkeys(by_key[key] for key in map(name_key, synonyms) if key in by_key))
        free = [column for column in claims if column not in taken]
        # A sub-category beside the category, or an image beside its thumbnail, is worth a word, not an error.
        if field not in used and free:
            used[field] = free.pop(0)
            taken.add(used[field])
        if field in used and free:
            notes.append(f"{field} is read from '{used[field]}'; also possible: {', '.join(free)}")

    missing = [field for field in REQUIRED[kind] if field not in used]
    if missing:
        raise InputFileError(
            f"{file_name}: no column for {' and '.join(missing)} in this {kind} file. Columns found: "
            f"{', '.join(columns) or 'none'}. Name it with --map {missing[0]}=COLUMN"
        )
    ordered = {field: used[field] for field in FIELDS[kind] if field in used}
    rest = tuple(column for column in columns if column not in taken)
    return ResolvedColumns(used=ordered, rest=rest, notes=tuple(notes))


def _mapped(
    file_name: str, kind: str, columns: Sequence[str], by_key: Mapping[str, str], mapping: Mapping[str, str]
) -> dict[str, str]:
    used: dict[str, str] = {}
    fields = {name_key(field): field for field in FIELDS[kind]}
    for asked, wanted in mapping.items():
        field = fields.get(name_key(asked))
        if field is None:
            raise InputFileError(
                f"{file_name}: --map {asked}={wanted} names no field of a {kind} file; there are "
                f"{', '.join(FIELDS[kind])}"
            )
        column = wanted if wanted in columns else by_key.get(name_key(wanted))
        if column is None:
            raise InputFileError(
                f"{file_name}: --map {asked}={wanted} names a column that is not there. Columns found: "
                f"{', '.join(columns)}"
            )
        used[field] = column
    return used


def split_mapping(entries: Iterable[str]) -> dict[str, dict[str, str]]:
    """`--map` entries sorted by the file they are for: kind → field → column.

    `title=product_title` goes to every kind of file that has the field, `queries:product_id=clicked` to that kind
    alone.
    Raises InputFileError for an entry that is not `field=column` or names no field.
    """
    sorted_entries: dict[str, dict[str, str]] = {kind: {} for kind in FIELDS}
    for entry in entries:
        name, equals, column = entry.partition("=")
        kind, colon, field = name.strip().rpartition(":")
        kinds = [kind] if colon else list(FIELDS)
        fits = [known for known in kinds if known in FIELDS and field in FIELDS[known]]
        if not equals or not column.strip() or not fits:
            raise InputFileError(f"--map {entry}: expected field=column, or {'|'.join(FIELDS)}:field=column")
        for known in fits:
            sorted_entries[known][field] = column.strip()
    return sorted_entries
