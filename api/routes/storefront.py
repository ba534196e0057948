"""What a storefront's pages begin with: GET /storefront, and one product's facts: GET /products/{product_id}."""

from dataclasses import asdict
from typing import Annotated

import structlog
from fastapi import APIRouter, Path

from api.cards import products_by_id
from api.dependencies import STOREFRONT, State
from api.errors import ProblemError, problem_responses
from api.schemas.catalog import ProductResponse
from api.schemas.storefront import Department, ShopperToTry, StorefrontResponse
from api.state import AppState
from core.demo_shoppers import load_demo_shoppers
from core.domain import SearchQuery
from core.errors import InputFileError
from core.retrieval.columns import MARGIN_ATTRIBUTE

_log = structlog.get_logger(__name__)

router = APIRouter(tags=["storefront"])


@router.get("/storefront", responses=problem_responses(503), openapi_extra=STOREFRONT)
async def storefront(state: State) -> StorefrontResponse:
    """The shop's departments, whose pictures may be shown, and who may be tried as a shopper."""
    return StorefrontResponse(
        departments=await _departments(state),
        shoppers=_shoppers(state),
        image_hosts=list(state.settings.serving.image_hosts),
    )


async def _departments(state: AppState) -> list[Department]:
    """Counted once for each state of the catalogue."""
    models = state.models
    if not models.has_catalog:
        return []
    counted = (models.version, models.catalog_number)
    if state.departments is None or state.departments[0] != counted:
        everything = await state.product_search.search(SearchQuery("", limit=0))
        found = [Department(category=one.value, product_count=one.count) for one in everything.facets.category]
        state.departments = counted, found
    return state.departments[1]


def _shoppers(state: AppState) -> list[ShopperToTry]:
    """Those of a demonstration. A file that cannot be read is said in the log: the shop opens without them."""
    try:
        shoppers = load_demo_shoppers(state.settings.storage.cadence_home)
    except InputFileError as error:
        state.metrics.counts["demo_shoppers_unreadable"] += 1
        _log.error("nobody to try as a shopper", error=str(error))
        return []
    return [
        ShopperToTry(user_id=one.user_id, name=one.name, about=one.about, favourites=list(one.favourites))
        for one in shoppers
    ]


@router.get("/products/{product_id:path}", responses=problem_responses(404, 503), openapi_extra=STOREFRONT)
async def product(
    product_id: Annotated[str, Path(min_length=1, max_length=256, pattern=r"^[^\x00]*$")], state: State
) -> ProductResponse:
    """What shoppers may know of a product: all that the catalogue says of it but the shop's margin."""
    known = (await products_by_id(state.database, [product_id])).get(product_id)
    if known is None:
        raise ProblemError(404, "unknown_product", "The catalogue has no product with this id.")
    facts = asdict(known)
    facts["attributes"] = {name: value for name, value in known.attributes.items() if name != MARGIN_ATTRIBUTE}
    return ProductResponse(**facts)
