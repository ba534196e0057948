"""/admin/products: the catalogue, changed while it is served. 200 means that a change is on disk.

It is found here when this answers or a moment later, in other workers within CATALOG_REFRESH_SECONDS; and by meaning as
soon as its title is embedded.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.cards import products_by_id
from api.dependencies import State, audited, require_admin
from api.errors import ProblemError, problem_responses
from api.schemas.catalog import ChangesRequest, ChangesResponse, ProductBody, ProductPatch, ProductResponse
from api.state import AppState
from core.errors import NoCatalogError
from database.repositories.product_changes import Applied, CatalogChanges, apply_changes


async def _require_catalog(state: State) -> None:
    """Changes of a catalogue that no version serves would be found by nobody."""
    if not state.models.has_catalog:
        raise NoCatalogError("this shop was set up from queries alone: import a catalogue first")


router = APIRouter(
    prefix="/admin/products",
    tags=["catalogue"],
    dependencies=[Depends(require_admin), Depends(audited), Depends(_require_catalog)],
)

# A path, for ids may hold a slash.
ProductId = Annotated[str, Path(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
_PROBLEMS = problem_responses(401, 403, 409, 503)
_PROBLEMS_OF_ONE = problem_responses(401, 403, 404, 409, 503)


@router.post("/batch", responses=_PROBLEMS)
async def change_products(body: ChangesRequest, state: State) -> ChangesResponse:
    """Up to 1,000 changes together: all are made, or none. Updates and deletes of products that are not there are
    named in the answer."""
    changes = CatalogChanges(
        upserts=[one.product(one.product_id) for one in body.upserts],
        updates={one.product_id: one.given() for one in body.updates},
        deletes=body.deletes,
    )
    return _answer(await _changed(state, changes))


@router.get("/{product_id:path}", responses=_PROBLEMS_OF_ONE)
async def product(product_id: ProductId, state: State) -> ProductResponse:
    """The product as it is in the catalogue now."""
    known = await products_by_id(state.database, [product_id])
    if product_id not in known:
        raise _unknown()
    return ProductResponse(**asdict(known[product_id]))


@router.put("/{product_id:path}", responses=_PROBLEMS_OF_ONE)  # 404: a line break is in no path
async def put_product(product_id: ProductId, body: ProductBody, state: State) -> ChangesResponse:
    """Adds a product, or replaces the one with this id: fields that are not given are not known any more."""
    return _answer(await _changed(state, CatalogChanges(upserts=[body.product(product_id)])))


@router.patch("/{product_id:path}", responses=_PROBLEMS_OF_ONE)
async def update_product(product_id: ProductId, body: ProductPatch, state: State) -> ChangesResponse:
    """Changes price, stock or rating and leaves the rest as it is; null clears a value."""
    return _answer_of_one(await _changed(state, CatalogChanges(updates={product_id: body.given()})))


@router.delete("/{product_id:path}", responses=_PROBLEMS_OF_ONE)
async def delete_product(product_id: ProductId, state: State) -> ChangesResponse:
    """Takes a product out of the catalogue."""
    return _answer_of_one(await _changed(state, CatalogChanges(deletes=[product_id])))


async def _changed(state: AppState, changes: CatalogChanges) -> Applied:
    """Commits `changes`, and waits a moment until they are found here: most callers look at once."""
    applied = await state.database.commit(partial(apply_changes, changes=changes, changed_at=datetime.now(UTC)))
    await state.catalog.serve(applied.seq)
    return applied


def _answer(applied: Applied) -> ChangesResponse:
    return ChangesResponse(**asdict(applied))


def _answer_of_one(applied: Applied) -> ChangesResponse:
    if applied.unknown:
        raise _unknown()
    return _answer(applied)


def _unknown() -> ProblemError:
    return ProblemError(404, "unknown_product", "The catalogue has no product with this id.")
