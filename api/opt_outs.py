"""Who opted out of personalisation, at hand on every keystroke. Another worker hears of it within a second.

64 bits of each key are kept: two of 2⁶⁴ that are alike make a list impersonal, never the other way round. A million
take about 60 MB.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from api.intervals import at_intervals
from database.connection import Database
from database.repositories.opt_outs import OptOutRepository, choose

_OVERLAP = timedelta(minutes=1)  # of clocks of other workers, and of transactions that were slow


class OptOuts:
    """For one event loop."""

    def __init__(
        self,
        database: Database,
        check_seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._check_seconds, self._clock = database, check_seconds, clock
        self._chosen: set[int] = set()
        self._newest: datetime | None = None

    def __len__(self) -> int:
        return len(self._chosen)

    def hold(self, user_key: str) -> bool:
        """Whether this user opted out."""
        return bool(self._chosen) and _short(user_key) in self._chosen

    async def choose(self, user_key: str, *, opted_out: bool) -> None:
        """On disk, and in force here, when this returns. Raises SQLAlchemyError when it cannot be written."""
        now = self._clock()
        await self._database.commit(lambda connection: choose(connection, user_key, now, opted_out=opted_out))
        self._take(user_key, opted_out=opted_out)

    async def refresh(self) -> None:
        """Take over what was chosen elsewhere. Raises SQLAlchemyError when the database cannot be read."""
        async with self._database.reading() as session:
            repository = OptOutRepository(session)
            newest = await repository.newest()
            if newest == self._newest:
                return
            since = None if self._newest is None else self._newest - _OVERLAP
            chosen = await repository.chosen_since(since)
        for user_key, opted_out in chosen.items():
            self._take(user_key, opted_out=opted_out)
        self._newest = newest

    async def read_anew(self) -> None:
        """All of them, for some may be gone. Raises SQLAlchemyError when the database cannot be read."""
        async with self._database.reading() as session:
            repository = OptOutRepository(session)
            newest, chosen = await repository.newest(), await repository.chosen_since(None)
        self._chosen = {_short(user_key) for user_key, opted_out in chosen.items() if opted_out}
        self._newest = newest

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Look at intervals until told to stop. A failed look leaves everything in place."""
        await at_intervals(self.refresh, self._check_seconds, stop, "opt-outs not read")

    def _take(self, user_key: str, *, opted_out: bool) -> None:
        (self._chosen.add if opted_out else self._chosen.discard)(_short(user_key))


def _short(user_key: str) -> int:
    return int(user_key[:16], 16)
