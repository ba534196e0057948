"""A catalogue of any size out of a shop's own: titles with other numbers and a model number, vectors around theirs.

What makes an index large is like in a real one: words are as frequent among a million products as among the shop's,
numbers and model numbers are many, and vectors lie in clusters. The vectors are not those of the new titles, which no
machine of ours embeds in an hour: each is its title's with a random direction added and unit length again.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.domain import Product

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

NOISE = 0.62  # length of what is added to a unit vector: cosine .85 to the title's, as titles of one kind have
_LETTERS = "ABCDEFGHKLMNPRSTVWXZ"
_CHUNK = 65_536


def origins(shop: int, count: int, seed: int = 0) -> IntArray:
    """Which of the `shop` products each of `count` is made of; the first ones are these themselves."""
    drawn = np.random.default_rng(seed).integers(0, shop, max(0, count - shop))
    return np.concatenate([np.arange(min(shop, count)), drawn]).astype(np.int32)


def many_products(shop: Sequence[Product], origin: IntArray, categories: Sequence[str], seed: int = 0) -> list[Product]:
    """One for each of `origin`, with distinct ids and titles; `categories` beside `shop`."""
    return list(_products(shop, origin, categories, random.Random(seed)))


def many_vectors(shop: FloatArray, origin: IntArray, seed: int = 0) -> FloatArray:
    """Unit vectors `(N, D)` around those of the shop's titles `(P, D)`, for the first P these themselves."""
    generator = np.random.default_rng(seed)
    vectors = np.empty((len(origin), shop.shape[1]), np.float32)
    length = np.float32(NOISE / np.sqrt(shop.shape[1]))
    for at in range(0, len(origin), _CHUNK):
        part = vectors[at : at + _CHUNK]
        generator.standard_normal(dtype=np.float32, out=part)
        part *= length
        if at < len(shop):
            part[: len(shop) - at] = 0
        part += shop[origin[at : at + _CHUNK]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def _products(
    shop: Sequence[Product], origin: IntArray, categories: Sequence[str], rng: random.Random
) -> Iterator[Product]:
    for number, row in enumerate(origin.tolist()):
        product = shop[row]
        if number >= len(shop):
            title = re.sub(r"\b\d{1,2}\b", lambda _: str(rng.randint(1, 60)), product.title)
            model = f"{rng.choice(_LETTERS)}{rng.choice(_LETTERS)}{number:06d}"
            product = replace(product, product_id=f"N{number:07d}", title=f"{title}, {model}")
        brand = product.brand or product.title.split()[0]
        yield replace(
            product, brand=brand, category=product.category or categories[row],
            price=round(rng.lognormvariate(3.5, 1.2), 2), rating=round(rng.uniform(2, 5), 1),
            rating_count=rng.randint(0, 500), in_stock=rng.random() < 0.9,
        )  # fmt: skip
