"""From product ids to product cards."""

from collections.abc import Iterable, Mapping, Sequence

from api.schemas.products import ProductCard
from core.domain import Product, SearchHit
from database.connection import Database
from database.repositories.products import find_products


async def products_by_id(database: Database, product_ids: Sequence[str]) -> Mapping[str, Product]:
    """The products as they are in the catalogue now."""
    if not product_ids:
        return {}
    return await database.read(lambda connection: find_products(connection, product_ids))


def cards_below_suggestion(product_ids: Iterable[str], known: Mapping[str, Product]) -> list[ProductCard]:
    """Cards in the order of the ids. A product that left the catalogue since training has none."""
    return [ProductCard(**_facts(known[product_id])) for product_id in product_ids if product_id in known]


def cards_of_hits(hits: Iterable[SearchHit], known: Mapping[str, Product], *, explain: bool) -> list[ProductCard]:
    """Cards in the order of the hits, each with its score."""
    cards = []
    for hit in hits:
        if hit.product_id in known:
            facts = _facts(known[hit.product_id]) | {"score": hit.score}
            cards.append(ProductCard(**facts, explain=hit.explain or {}) if explain else ProductCard(**facts))
    return cards


def _facts(product: Product) -> dict[str, object]:
    return {
        "product_id": product.product_id,
        "title": product.title,
        "brand": product.brand,
        "category": product.category,
        "price": product.price,
        "currency": product.currency,
        "rating": product.rating,
        "rating_count": product.rating_count,
        "image_url": product.image_url,
        "in_stock": product.in_stock,
    }
