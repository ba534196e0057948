"""/admin/products: the catalogue, changed while it is served."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from api.schemas.base import CategoryText, Count, Finite, Flag, ItemIdText, RequestBody, ResponseBody, UtcTime
from api.schemas.products import ProductFacts
from api.schemas.search import AttributeName
from core.domain import Product
from core.text.normalize import normalize

MAX_BATCH = 1_000
_MAX_PRICE = 1e12
_MAX_RATINGS = 2**31 - 1
_NO_NUL = r"^[^\x00]*$"

TitleText = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=_NO_NUL)]
DescriptionText = Annotated[str, StringConstraints(max_length=20_000, pattern=_NO_NUL)]
CurrencyText = Annotated[str, StringConstraints(max_length=16, pattern=_NO_NUL)]
UrlText = Annotated[str, StringConstraints(max_length=2_000, pattern=_NO_NUL)]
AttributeText = Annotated[str, StringConstraints(max_length=1_000, pattern=_NO_NUL)]


class ProductValues(RequestBody):
    """What changes often. A field that is not given stays as it is; null says that it is not known any more."""

    price: Finite | None = Field(default=None, ge=0, le=_MAX_PRICE, description="in the catalogue's own currency")
    in_stock: Flag | None = None
    rating: Finite | None = Field(default=None, ge=0, le=5)
    rating_count: Count | None = Field(default=None, ge=0, le=_MAX_RATINGS)

    def given(self) -> dict[str, float | int | bool | None]:
        """The fields that the request holds, nulls included."""
        return {name: getattr(self, name) for name in ProductValues.model_fields if name in self.model_fields_set}


class ProductPatch(ProductValues):
    @model_validator(mode="after")
    def _says_something(self) -> "ProductPatch":
        if not self.given():
            raise ValueError(f"give at least one of {', '.join(ProductValues.model_fields)}")
        return self


class ProductUpdate(ProductPatch):
    product_id: ItemIdText


class ProductBody(ProductValues):
    """A whole product: what is not given is not known."""

    title: TitleText
    description: DescriptionText | None = None
    brand: CategoryText | None = None
    category: CategoryText | None = None
    currency: CurrencyText | None = Field(default=None, description="symbol or code, as it is shown: `$`, `EUR`")
    image_url: UrlText | None = None
    created_at: UtcTime | None = Field(default=None, description="when the shop took it up; without a zone it is UTC")
    attributes: Annotated[dict[AttributeName, AttributeText], Field(max_length=200)] = Field(
        default_factory=dict, description="further values by name, to search and to filter by"
    )

    @field_validator("title")
    @classmethod
    def _has_a_word(cls, value: str) -> str:
        if not normalize(value):
            raise ValueError("holds no word")
        return " ".join(value.split())

    def product(self, product_id: str) -> Product:
        """The product with this id; blank texts count as not given."""
        texts = ("description", "brand", "category", "currency", "image_url")
        return Product(
            product_id=product_id,
            title=self.title,
            price=self.price,
            in_stock=self.in_stock,
            rating=self.rating,
            rating_count=self.rating_count,
            created_at=self.created_at,
            attributes={name: value for name, value in self.attributes.items() if value.strip()},
            **{name: (getattr(self, name) or "").strip() or None for name in texts},
        )


class ProductUpsert(ProductBody):
    product_id: ItemIdText


class ChangesRequest(RequestBody):
    """Up to 1,000 changes, all made or none; no product twice."""

    upserts: Annotated[list[ProductUpsert], Field(max_length=MAX_BATCH)] = Field(default_factory=list)
    updates: Annotated[list[ProductUpdate], Field(max_length=MAX_BATCH)] = Field(default_factory=list)
    deletes: Annotated[list[ItemIdText], Field(max_length=MAX_BATCH)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_one_batch(self) -> "ChangesRequest":
        ids = [one.product_id for one in self.upserts] + [one.product_id for one in self.updates] + self.deletes
        if not 0 < len(ids) <= MAX_BATCH:
            raise ValueError(f"give 1 to {MAX_BATCH:,} changes, not {len(ids):,}")
        if len(set(ids)) < len(ids):
            raise ValueError("a product_id occurs twice")
        return self


class ProductResponse(ProductFacts):
    """All of it."""

    description: str | None
    created_at: datetime | None
    attributes: Mapping[str, str]


class ChangesResponse(ResponseBody):
    """What was done, and is on disk."""

    seq: int = Field(description="number of the newest change in the database")
    added: int
    replaced: int
    updated: int
    deleted: int
    unchanged: int = Field(description="upserts and updates that said what was stored already")
    unknown: list[str] = Field(description="product ids of updates and deletes that the catalogue does not have")
