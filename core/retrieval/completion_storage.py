"""A completion index on disk: one .npy an array, memory-mapped, so that processes share it and start at once."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.domain import Source
from core.errors import ArtifactError
from core.retrieval.completion import ARRAYS, CompletionIndex


def save_index(index: CompletionIndex, folder: Path) -> None:
    """Writes `index` into the empty or missing `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", index.arrays[name])


def load_index(folder: Path, source: Source) -> CompletionIndex:
    """The index that `save_index` wrote, mapped. Raises ArtifactError where `folder` does not hold one."""
    try:
        return CompletionIndex(source, {name: mapped(folder / f"{name}.npy") for name in ARRAYS})
    except FileNotFoundError as error:
        missing = f"{folder.name}/{Path(str(error.filename)).name}"
        raise ArtifactError(f"completions of another layout ({missing} is missing): retrain") from error


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array in the .npy file `path`, read-only and memory-mapped."""
    return np.asarray(np.load(path, mmap_mode="r"))
