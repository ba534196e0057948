"""Where the raw material of a made-up shop comes from: words only. Numbers and clicks are the simulator's own.

`offline` reads the tables of this package and needs no network; `gemini` asks Google's models. Both give the same
`Material`, and nothing behind it knows which of the two it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import CadenceError
from data_generation.personas import Persona
from data_generation.tables import ProductType


class ProviderError(CadenceError):
    """The raw material cannot be had; the message says in one line what to do."""

    code = "provider_failed"


@dataclass(frozen=True, slots=True)
class Material:
    """Kinds of products with their words, personas, and queries that people would type for a kind of product."""

    types: tuple[ProductType, ...]
    personas: tuple[Persona, ...]
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # type name → natural queries, lower case
    notes: tuple[str, ...] = ()  # what a person should know about how it came about, a line each


class Provider(Protocol):
    """Writes the raw material. `update(share done in [0, 1], note)` is called now and then."""

    def material(self, update: Callable[[float, str], None]) -> Material:
        """Raises ProviderError where there is none."""
        ...
