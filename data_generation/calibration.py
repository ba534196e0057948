"""The few numbers of the simulator that were fitted to real logs, read from `tables/calibration.toml`.

`python -m data_generation.realism_report --fit` finds them anew; the table says on what and when they were fitted.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_generation.tables import TABLES


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the personas do not say."""

    popularity_exponent: float  # of the products' heavy-tailed popularity: the slope of the rank-frequency curve
    comeback: float  # share of further visits that belong to an earlier one: what was not found is looked for again
    comeback_days: float  # median
    pace: float  # times the dwell times of the behaviours
    think_seconds: float  # median between what is done last and the next search
    think_sigma: float  # its logarithmic spread
    repeat: float  # log odds, added to the behaviour's: buying again what is used up
    repeat_days: float  # median time between two purchases of what gets used up
    repeat_sigma: float  # its logarithmic spread


def load_calibration(folder: Path = TABLES) -> Calibration:
    """The fitted numbers. Raises KeyError or TypeError where one is missing or unknown."""
    table: Mapping[str, Mapping[str, float]] = tomllib.loads(
        (folder / "personas" / "calibration.toml").read_text(encoding="utf-8")
    )
    return Calibration(**table["fitted"])
