"""The shop's vocabulary, read from the TOML files beside this module."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TABLES = Path(__file__).with_name("tables")
_PALETTES = "palettes.toml"


@dataclass(frozen=True, slots=True)
class ProductType:
    """One kind of product: what it is called, what varies, and what people say about it."""

    name: str  # as in a title: "Running Shoes"
    department: str
    brands: tuple[str, ...]
    series: tuple[str, ...]
    titles: tuple[str, ...]  # patterns with {brand}, {series}, {name} and the slots
    slots: Mapping[str, tuple[str, ...]]  # attribute → values, cheapest first where it has to do with the price
    features: tuple[str, ...]  # "a lid": reads after "with"
    uses: tuple[str, ...]  # "beginners": reads after "for"
    price: tuple[float, float]  # lowest and highest, in dollars
    weight: float  # how often it is wanted, 1 is usual


def load_types(folder: Path = TABLES) -> tuple[ProductType, ...]:
    """All product types in the order of the files' names. Raises KeyError for a palette that does not exist."""
    palettes: Mapping[str, str] = tomllib.loads((folder / _PALETTES).read_text(encoding="utf-8"))
    types: list[ProductType] = []
    for path in sorted(folder.glob("*.toml")):
        if path.name != _PALETTES:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            for department in table["departments"]:
                types.extend(_types(department, palettes))
    return tuple(types)


def _types(department: Mapping[str, object], palettes: Mapping[str, str]) -> list[ProductType]:
    rows = department["types"]
    assert isinstance(rows, list)  # noqa: S101 — the tables are ours and tested
    return [_type(department, row, palettes) for row in rows]


def _type(department: Mapping[str, object], row: Mapping[str, object], palettes: Mapping[str, str]) -> ProductType:
    titles = _patterns(row.get("titles", department["titles"]))
    own, shared = _mapping(row.get("slots", {})), _mapping(department.get("slots", {}))
    # A slot of the department belongs to this type only where its titles speak of it: dog food has no colour.
    spoken = {name: values for name, values in shared.items() if any("{" + name + "}" in title for title in titles)}
    slots = {name: _values(text, palettes) for name, text in {**spoken, **own}.items()}
    low, high = _pair(row["price"])
    return ProductType(
        name=str(row["name"]),
        department=str(department["name"]),
        brands=_values(str(department["brands"]), palettes),
        series=_values(str(department["series"]), palettes),
        titles=titles,
        slots=slots,
        features=_values(str(row["features"]), palettes),
        uses=_values(str(row["uses"]), palettes),
        price=(low, high),
        weight=float(str(row.get("weight", 1))),
    )


def _values(text: str, palettes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple((palettes[text[1:]] if text.startswith("@") else text).split("|"))


def _patterns(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)  # noqa: S101
    return tuple(str(pattern) for pattern in value)


def _mapping(value: object) -> Mapping[str, str]:
    assert isinstance(value, dict)  # noqa: S101
    return {str(name): str(text) for name, text in value.items()}


def _pair(value: object) -> tuple[float, float]:
    assert isinstance(value, list)  # noqa: S101
    return float(value[0]), float(value[1])
