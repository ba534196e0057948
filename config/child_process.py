"""A child process of the service, and what both say to each other: pickles behind their length.

    child = await Child.started("api.model_worker")          # the service
    received, sent = private_channel()                        # python -m api.model_worker

Both are this program, and nobody else holds an end of the pipes between them, so pickles are safe. A child hears the
end of its input, however the service ends, and ends then.
"""

import asyncio
import os
import pickle
import signal
import struct
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

T = TypeVar("T")
_LENGTH = struct.Struct(">I")  # of the message that follows, in bytes
_END_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parents[1]


class Child:
    """One process, seen from the service. Whoever has started it ends it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._requests = cast(asyncio.StreamWriter, process.stdin)  # both are pipes, see `started`
        self._answers = cast(asyncio.StreamReader, process.stdout)

    @classmethod
    async def started(cls, module: str, environment: Mapping[str, str] | None = None) -> "Child":
        """`python -m module`, with these variables besides our own. Raises OSError where there is no room for it."""
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                cwd=_ROOT,
                env={**os.environ, **(environment or {})},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def open(self) -> bool:
        """Whether it can be written to, as far as is known."""
        return not self._requests.is_closing()

    def send(self, message: object) -> None:
        """Nothing waits: what is sent must be small, or few at a time. Raises PicklingError before anything is sent."""
        self._requests.write(_packed(message))

    async def message(self) -> object:
        """The next one from it. Raises EOFError or ConnectionError when it has ended."""
        try:
            length: int = _LENGTH.unpack(await self._answers.readexactly(_LENGTH.size))[0]
            message: object = pickle.loads(await self._answers.readexactly(length))  # noqa: S301  # see above
        except asyncio.IncompleteReadError as error:
            raise EOFError("the process has ended") from error
        return message

    async def status(self) -> int:
        """Its exit status, once it has ended."""
        return await self._process.wait()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Closes its input, which ends it, and waits; a process that does not hear is killed."""
        self._requests.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        except TimeoutError:
            self.kill()
            await self._process.wait()


async def unless(closing: "asyncio.Task[Any]", work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` returns, unless the closing comes first: then it is cancelled."""
    working = asyncio.create_task(work)
    await asyncio.wait([working, closing], return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return None


def private_channel() -> tuple[BinaryIO, BinaryIO]:
    """In the child, first of all: its standard input and output for messages alone.

    What libraries print goes to standard error. Ctrl-C in the service's terminal is for the service, and so is what a
    supervisor tells the whole group: a child ends when the service has no more work for it.
    """
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, signal.SIG_IGN)
    received, sent = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return received, sent


def read(received: BinaryIO) -> object | None:
    """The next message from the service, waited for; None at the end."""
    length = received.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    content = received.read(size := _LENGTH.unpack(length)[0])
    if len(content) < size:  # the service was killed in the middle of it
        return None
    message: object = pickle.loads(content)  # noqa: S301  # see the module's docstring
    return message


def send(sent: BinaryIO, message: object) -> None:
    """A message to the service. Raises BrokenPipeError when it has ended, PicklingError before anything is sent."""
    content = memoryview(_packed(message))
    while content:
        content = content[sent.write(content) :]


def can_be_sent(message: object) -> bool:
    """Whether it can be made anew on the other side: errors of drivers are made in many ways."""
    try:
        pickle.loads(pickle.dumps(message))  # noqa: S301  # our own
    except Exception:  # noqa: BLE001  # whatever their constructors say
        return False
    return True


def _packed(message: object) -> bytes:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(content)) + content
