"""What the service and its model process say to each other: pickles behind their length.

Both are this program, and nobody else holds an end of the pipes between them, so pickles are safe.
"""

import pickle
import struct
from dataclasses import dataclass
from typing import BinaryIO

from core.domain import SuggestQuery
from core.services.gathered import Gathered

LENGTH = struct.Struct(">I")  # of the message that follows, in bytes


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


def packed(message: object) -> bytes:
    """The bytes of one message."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(content)) + content


def read(received: BinaryIO) -> object | None:
    """The next message, waited for; None at the end."""
    length = received.read(LENGTH.size)
    if len(length) < LENGTH.size:
        return None
    message: object = pickle.loads(received.read(LENGTH.unpack(length)[0]))  # noqa: S301  # see the module's docstring
    return message
