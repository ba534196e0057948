"""Product cards, as `/search` and `/autosuggest` show them."""

from collections.abc import Mapping

from pydantic import Field

from api.schemas.base import ResponseBody


class ProductFacts(ResponseBody):
    """What the catalogue says of one product."""

    product_id: str
    title: str
    brand: str | None
    category: str | None
    price: float | None
    currency: str | None
    rating: float | None = Field(description="0–5")
    rating_count: int | None
    image_url: str | None
    in_stock: bool | None


class ProductCard(ProductFacts):
    """What a storefront needs to draw one product."""

    score: float | None = Field(default=None, description="relevance in [0, 1]; absent below a suggestion")
    explain: Mapping[str, float] | None = None
