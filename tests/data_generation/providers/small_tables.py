"""Offline tables of a small shop: three departments, nine kinds of shoppers."""

import dataclasses
from collections.abc import Callable, Sequence

from data_generation.personas import Persona, load_personas
from data_generation.providers.port import Material
from data_generation.tables import ProductType


def kind(name: str, department: str, price: tuple[float, float] = (10, 50), weight: float = 1) -> ProductType:
    return ProductType(
        name=name,
        department=department,
        brands=("Oldbrand", f"{department} Works"),
        series=("One", "Two"),
        titles=("{brand} {style} {name}", "{brand} {series} {name}, {style}"),
        slots={"style": ("Plain", "Fancy")},
        features=("a lid", "a bag"),
        uses=("home", "travel"),
        price=price,
        weight=weight,
    )


TYPES = (
    kind("Trail Running Shoes", "Shoes", (40, 160), 3),
    kind("Sandals", "Shoes", (15, 60)),
    kind("Wool Slippers", "Shoes", (8, 30)),
    kind("Diapers", "Baby", (12, 70), 2),
    kind("Baby Stroller", "Baby", (80, 800)),
    kind("High Chair", "Baby", (45, 300)),
    kind("Garden Hose", "Garden & Outdoor", (20, 90)),
    kind("Rake", "Garden & Outdoor", (9, 40)),
)


def shopper(name: str) -> Persona:
    """One of the real templates with a name, wishes and words of its own."""
    return dataclasses.replace(
        load_personas()[0],
        name=name,
        share=0.1,
        departments={"Baby": 2, "Shoes": 6, "Books": 1},
        later={"Shoes": 1},
        brands=("Oldbrand", "Nobody Sells This"),
        vocabulary=("cheap {query}",),
        hours=(1.0,) * 24,
    )


PERSONAS = tuple(shopper(f"shopper {number}") for number in range(9))


class SmallTables:
    """An offline provider."""

    def __init__(self, types: Sequence[ProductType] = TYPES) -> None:
        self._types = tuple(types)

    def material(self, update: Callable[[float, str], None]) -> Material:
        return Material(types=self._types, personas=PERSONAS)
