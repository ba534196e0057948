"""GET /storefront."""

from pydantic import Field

from api.schemas.base import ResponseBody


class Department(ResponseBody):
    category: str = Field(description="as `filters.category` takes it")
    product_count: int


class ShopperToTry(ResponseBody):
    user_id: str = Field(description="for /user/session/start")
    name: str
    about: str = Field(description="one sentence")
    favourites: list[str] = Field(description="categories of this shop, the dearest first")


class StorefrontResponse(ResponseBody):
    departments: list[Department] = Field(description="the largest ones, those first")
    shoppers: list[ShopperToTry] = Field(description="of a demonstration (`run_demo.py`), with a history in this shop")
    image_hosts: list[str] = Field(description="whose pictures our pages may show (IMAGE_HOSTS)")
