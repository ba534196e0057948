"""A completion index on disk: one .npy an array, memory-mapped, so that processes share it and start at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.domain import Source
from core.errors import ArtifactError
from core.retrieval.completion import ARRAYS, CompletionIndex
from core.retrieval.mapped import mapped


def save_index(index: CompletionIndex, folder: Path) -> None:
    """Writes `index` into the empty or missing `folder`."""
    save_arrays({name: index.arrays[name] for name in ARRAYS}, folder)


def load_index(folder: Path, source: Source) -> CompletionIndex:
    """The index that `save_index` wrote, mapped. Raises ArtifactError where `folder` does not hold one."""
    return CompletionIndex(source, mapped_arrays(ARRAYS, folder))


def save_arrays(arrays: Mapping[str, npt.NDArray[Any]], folder: Path) -> None:
    """Writes each array into a .npy file of its name, in the empty or missing `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def mapped_arrays(names: Sequence[str], folder: Path) -> dict[str, npt.NDArray[Any]]:
    """What `save_arrays` wrote, read-only and memory-mapped. Raises ArtifactError for an array that is not there."""
    try:
        return {name: mapped(folder / f"{name}.npy") for name in names}
    except FileNotFoundError as error:
        missing = f"{folder.name}/{Path(str(error.filename)).name}"
        raise ArtifactError(f"completions of another layout ({missing} is missing): retrain") from error
