"""What the service and its model process say to each other (`config/child_process.py` says how)."""

from dataclasses import dataclass

from core.domain import SuggestQuery
from core.services.gathered import Gathered


@dataclass(frozen=True, slots=True)
class Setup:
    """What is loaded; the first message. `artifacts` is an absolute path."""

    artifacts: str
    version: str
    embedding_model: str | None
    diversity: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. From now on, somebody waits for its answer `waited_seconds`, and it is of use for `seconds`."""

    number: int
    query: SuggestQuery
    waited_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """To request `number`: what was gathered, or None where the time was up or (`error`) computing it failed."""

    number: int
    gathered: Gathered | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The first answer: the version is loaded and warm, or (`error`) cannot be."""

    error: str | None = None
