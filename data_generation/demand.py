"""When things are wanted, and what of them gets used up, read from `tables/personas/demand.toml`.

Both are found by the words of a department's name: `Garden Tools` has the season of `Garden & Outdoor`, and `Pet Food`
of any shop gets used up like our own `Pet Supplies`. A name that shares no word has no season, and lasts.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from core.text.normalize import normalize
from data_generation.tables import TABLES

_WORD = re.compile(r"[^\W_]+")
_SHORTEST = 3  # characters of a word that says something


@dataclass(frozen=True, slots=True)
class Season:
    """A yearly wave: `1 + more · cos` with its top in the middle of `month`."""

    month: int
    more: float


def words_of(name: str) -> frozenset[str]:
    """The words of a department's name, in lower case and roughly in the singular."""
    words = _WORD.findall(normalize(name))
    return frozenset(_singular(word) for word in words if len(word) >= _SHORTEST)


def season_of(department: str) -> Season | None:
    """Of the very name, or of the one that has most words in common with it; of equals the first."""
    seasons = _table().seasons
    if department in seasons:
        return seasons[department]
    words = words_of(department)
    common, name = max(((len(words & words_of(name)), name) for name in seasons), key=lambda found: found[0])
    return seasons[name] if common else None


def gets_used_up(department: str, kind: str) -> bool:
    """Whether a kind of product of this department is bought again because it has come to its end."""
    table = _table()
    return bool(words_of(department) & table.used_up) and not words_of(kind) & table.lasts


@dataclass(frozen=True, slots=True)
class _Table:
    seasons: Mapping[str, Season]
    used_up: frozenset[str]
    lasts: frozenset[str]


@cache
def _table() -> _Table:
    table = tomllib.loads((TABLES / "personas" / "demand.toml").read_text(encoding="utf-8"))
    seasons = {name: Season(int(month), float(more)) for name, (month, more) in table["seasons"].items()}
    used_up, lasts = (frozenset(map(_singular, table[name].split())) for name in ("used_up", "lasts"))
    return _Table(seasons, used_up, lasts)


def _singular(word: str) -> str:
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")
