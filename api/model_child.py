"""A process of `api/model_worker.py`, seen from the service: started, written to, heard, ended."""

import asyncio
import os
import pickle
import sys
from contextlib import suppress
from pathlib import Path
from typing import cast

from api.model_messages import LENGTH, Answer, Asked, Loaded, Setup, packed
from core.errors import ArtifactError

_END_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parents[1]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class ModelChild:
    """One process. Whoever has started it ends it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._requests = cast(asyncio.StreamWriter, process.stdin)  # both are pipes, see `started`
        self._answers = cast(asyncio.StreamReader, process.stdout)

    @classmethod
    async def started(cls) -> "ModelChild":
        """Raises OSError where the system has no room for another process."""
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "api.model_worker",
                cwd=_ROOT,
                env={**os.environ, **_ONE_THREAD},
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

    async def load(self, setup: Setup) -> None:
        """Returns when the version is loaded and warm. Raises ArtifactError when it cannot be."""
        self._requests.write(packed(setup))
        try:
            loaded = cast(Loaded, await self._message())
        except asyncio.IncompleteReadError:
            status = await self._process.wait()
            raise ArtifactError(f"the process for the models ended with status {status}") from None
        if loaded.error is not None:
            raise ArtifactError(loaded.error)

    def ask(self, asked: Asked) -> None:
        """Sends a request; nothing waits, for requests are small and few at a time."""
        self._requests.write(packed(asked))

    async def answer(self) -> Answer | None:
        """The next one; None when the process has ended."""
        try:
            return cast(Answer, await self._message())
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

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

    async def _message(self) -> object:
        length: int = LENGTH.unpack(await self._answers.readexactly(LENGTH.size))[0]
        message: object = pickle.loads(await self._answers.readexactly(length))  # noqa: S301  # see model_messages.py
        return message
