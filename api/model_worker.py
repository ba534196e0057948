"""The other side of `api/model_process.py`: `python -m api.model_worker`, which computes what the models find.

It loads one artifact version and answers requests for it, the newest first: who typed a moment ago still waits, who
typed long ago has had a list without the models. It ends when its standard input does, so it never outlives the
service, however that ends.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from api.model_messages import Answer, Asked, Loaded, Setup
from api.steady import run_steadily
from config.child_process import private_channel, read, send
from core.domain import SuggestQuery
from core.errors import CadenceError
from core.services.gathered import Gathered

_NICE = 10  # the event loop goes first: it answers many while one list is computed
_QUIET_SECONDS = 0.03  # without a request, until what nobody waits for is computed


Gather: TypeAlias = Callable[[SuggestQuery, float, bool], Gathered]


@dataclass(frozen=True, slots=True)
class Request:
    """`waited_until`, `deadline`: times of `time.perf_counter()` in this process, for other clocks start elsewhere."""

    number: int
    query: SuggestQuery
    waited_until: float
    deadline: float

    @classmethod
    def of(cls, asked: Asked) -> "Request":
        now = time.perf_counter()
        return cls(asked.number, asked.query, now + asked.waited_seconds, now + asked.seconds)


class Waiting:
    """Requests that wait for their turn, read by a thread: so what comes while one is computed is seen at once."""

    def __init__(self, received: BinaryIO) -> None:
        self._received = received
        self._requests: deque[Request] = deque()
        self._changed = threading.Condition()

    def read_on(self) -> None:
        """Reads until the service closes its side, and then ends this process, whatever it computes."""
        while isinstance(asked := read(self._received), Asked):
            with self._changed:
                self._requests.append(Request.of(asked))
                self._changed.notify()
        os._exit(0)

    def next(self) -> tuple[Request, list[Request]]:
        """The newest request, and all those whose time is up. Waits until there is one.

        What nobody waits for any more comes in a quiet moment: who types then would wait behind it.
        """
        with self._changed:
            while True:
                while not self._requests:
                    self._changed.wait()
                somebody_waits = time.perf_counter() < self._requests[-1].waited_until
                if somebody_waits or not self._changed.wait(_QUIET_SECONDS):
                    break
            newest, now = self._requests.pop(), time.perf_counter()
            late = []
            while self._requests and self._requests[0].deadline <= now:  # deadlines stand about as the requests came
                late.append(self._requests.popleft())
        return newest, late


def main() -> None:
    received, sent = private_channel()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    setup = read(received)
    if not isinstance(setup, Setup):
        return
    waiting = Waiting(received)
    threading.Thread(target=waiting.read_on, daemon=True).start()  # before the loading: its end is heard then too
    try:
        gather = _loaded(setup)
    except (CadenceError, OSError, ValueError, ImportError) as error:
        send(sent, Loaded(f"{error}"))
        return
    run_steadily()
    send(sent, Loaded())
    with suppress(BrokenPipeError):  # the service has ended
        while True:
            newest, late = waiting.next()
            for one in late:
                send(sent, Answer(one.number, None))
            send(sent, _answer(newest, gather))


def _answer(request: Request, gather: Gather) -> Answer:
    if time.perf_counter() >= request.deadline:
        return Answer(request.number, None)
    try:
        return Answer(request.number, gather(request.query, request.deadline, True))
    except Exception as error:  # noqa: BLE001  # it is raised in the service, for this request alone
        return Answer(request.number, None, f"{type(error).__name__}: {error}")


def _loaded(setup: Setup) -> Gather:
    from core.services.bundle import load_bundle
    from core.services.suggest import SuggestService

    suggest = SuggestService(load_bundle(Path(setup.artifacts), setup.embedding_model, setup.version), setup.diversity)
    suggest.warm_up()
    return suggest.gather


if __name__ == "__main__":
    main()
