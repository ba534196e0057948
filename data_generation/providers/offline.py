"""The tables of this package: the same material every time, without a network."""

from collections.abc import Callable

from data_generation.personas import load_personas
from data_generation.providers.port import Material
from data_generation.tables import load_types


class OfflineProvider:
    """Reads the tables."""

    def material(self, update: Callable[[float, str], None]) -> Material:
        update(1.0, "tables")
        return Material(types=load_types(), personas=load_personas())
