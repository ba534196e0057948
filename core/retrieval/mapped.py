"""Arrays in files, mapped into memory."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array in a `.npy` file: read as it is needed, and held once for all processes of this machine.

    No `numpy.memmap`, each slice of which takes many times as long as that of an array. Raises OSError for no file.
    """
    return np.asarray(np.load(path, mmap_mode="r"))
