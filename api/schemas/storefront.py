"""GET /storefront."""

from pydantic import Field

from api.schemas.base import ResponseBody


class Department(ResponseBody):
    category: str = Field(description="as `filters.category` takes it")
    product_count: int


class StorefrontResponse(ResponseBody):
    departments: list[Department] = Field(description="the largest ones, those first")
    image_hosts: list[str] = Field(description="whose pictures our pages may show (IMAGE_HOSTS)")
