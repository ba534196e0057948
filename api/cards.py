"""From product ids to product cards."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.schemas.products import ProductCard
from core.domain import Product, SearchHit
from database.connection import Database
from database.repositories.products import find_cards, find_products

Facts = Mapping[str, Mapping[str, Any]]
"""What a card says, by product id."""


async def products_by_id(database: Database, product_ids: Sequence[str]) -> Mapping[str, Product]:
    """The products as they are in the catalogue now."""
    if not product_ids:
        return {}
    return await database.read(lambda connection: find_products(connection, product_ids))


async def card_facts(database: Database, product_ids: Sequence[str]) -> Facts:
    """What the catalogue says of them now, as far as cards show it."""
    if not product_ids:
        return {}
    return await database.read(lambda connection: find_cards(connection, product_ids))


def cards_below_suggestion(product_ids: Iterable[str], known: Facts) -> list[ProductCard]:
    """Cards in the order of the ids. A product that left the catalogue since training has none."""
    return [ProductCard(**known[product_id]) for product_id in product_ids if product_id in known]


def cards_of_hits(hits: Iterable[SearchHit], known: Facts, *, explain: bool) -> list[ProductCard]:
    """Cards in the order of the hits, each with its score."""
    cards = []
    for hit in hits:
        facts = known.get(hit.product_id)
        if facts is not None and explain:
            cards.append(ProductCard(**facts, score=hit.score, explain=hit.explain or {}))
        elif facts is not None:
            cards.append(ProductCard(**facts, score=hit.score))
    return cards
