"""A process of `api/model_worker.py`, seen from the service: started, loaded, asked, heard."""

from typing import cast

from api.model_messages import Answer, Asked, Loaded, Setup
from config.child_process import Child
from core.errors import ArtifactError

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class ModelChild:
    """One process. Whoever has started it ends it."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.kill, self.end = child.kill, child.end

    @classmethod
    async def started(cls) -> "ModelChild":
        """Raises OSError where the system has no room for another process."""
        return cls(await Child.started("api.model_worker", _ONE_THREAD))

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def open(self) -> bool:
        """Whether it can be written to, as far as is known."""
        return self._child.open

    async def load(self, setup: Setup) -> None:
        """Returns when the version is loaded and warm. Raises ArtifactError when it cannot be."""
        self._child.send(setup)
        try:
            loaded = cast(Loaded, await self._child.message())
        except (EOFError, ConnectionError):
            raise ArtifactError(f"the process for the models ended with status {await self._child.status()}") from None
        if loaded.error is not None:
            raise ArtifactError(loaded.error)

    def ask(self, asked: Asked) -> None:
        """Sends a request; nothing waits, for requests are small and few at a time."""
        self._child.send(asked)

    async def answer(self) -> Answer | None:
        """The next one; None when the process has ended."""
        try:
            return cast(Answer, await self._child.message())
        except (EOFError, ConnectionError):
            return None
