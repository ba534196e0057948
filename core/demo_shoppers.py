"""Shoppers of whom a demonstration tells: `<home>/demo_shoppers.json`, which the storefront's page lets one shop as.

Written by `data_generation.demo_shoppers`, read by the service. A home without the file has none.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import InputFileError

FILE = "demo_shoppers.json"
FAVOURITES = 3  # categories at most


@dataclass(frozen=True, slots=True)
class DemoShopper:
    """Somebody with a history in this shop."""

    user_id: str
    persona: str  # as in the table of personas
    name: str  # a short label: "Gamer"
    about: str  # one sentence
    favourites: tuple[str, ...]  # categories of this shop, the dearest first; `FAVOURITES` at most


def load_demo_shoppers(home: Path) -> tuple[DemoShopper, ...]:
    """The shoppers of this home in the order of the file; empty where there is no file.

    Raises InputFileError for a file that cannot be read, or holds anything else.
    """
    path = home / FILE
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path} cannot be read ({error}): remove it, and the next start writes it anew") from None
    if not isinstance(rows, list):
        raise InputFileError(f"{path} does not hold a list of shoppers: remove it, and the next start writes it anew")
    shoppers = tuple(_shopper(path, number, row) for number, row in enumerate(rows, start=1))
    if len({one.user_id for one in shoppers}) < len(shoppers):
        raise InputFileError(f"{path} names a user_id twice: remove it, and the next start writes it anew")
    return shoppers


def save_demo_shoppers(home: Path, shoppers: Sequence[DemoShopper]) -> None:
    """Writes the file whole or not at all."""
    path = home / FILE
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.write_text(
        json.dumps([asdict(one) for one in shoppers], ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    draft.replace(path)


def demo_shopper_of(row: Any) -> DemoShopper:
    """The shopper in a row of JSON. Raises ValueError that names the field which is not as it should be."""
    if not isinstance(row, dict):
        raise ValueError("not an object")
    names = {field.name for field in fields(DemoShopper)}
    if strange := sorted(names ^ set(row)):
        raise ValueError(f"{', '.join(strange)}: missing, or unknown")
    for name in sorted(names - {"favourites"}):
        if not isinstance(row[name], str) or not row[name].strip():
            raise ValueError(f"{name}: a text is needed")
    favourites = row["favourites"]
    if not isinstance(favourites, list) or len(favourites) > FAVOURITES or not all(map(_is_text, favourites)):
        raise ValueError(f"favourites: a list of {FAVOURITES} texts at most is needed")
    return DemoShopper(**{**row, "favourites": tuple(favourites)})


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _shopper(path: Path, number: int, row: Any) -> DemoShopper:
    try:
        return demo_shopper_of(row)
    except ValueError as error:
        raise InputFileError(
            f"{path}, shopper {number}: {error}. Remove the file, and the next start writes it anew"
        ) from None
