"""Is today's traffic still what the served version was trained on? Looked at in the background, on no keystroke.

Each look reads the newest searches, lists and choices since the version was made, a bounded number of each
(`database.repositories.drift_traffic`), and compares them in a thread (`core.services.drift_traffic`). Every text is
remembered: the first look computes some thousand, the others what is new.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from api.intervals import at_intervals
from core.drift.measures import PREFIX_LENGTH
from core.text.half_typed import is_half_typed
from database.connection import Database
from database.repositories import drift_traffic as traffic
from database.repositories.live_searches import LiveSearch

if TYPE_CHECKING:  # these bring numerical libraries along, which creating the app does not need
    from api.state import Models
    from core.drift.compare import DriftMeasure
    from core.drift.compare import State as DriftState
    from core.services.drift_traffic import Chosen, Shown

NEWEST_SEARCHES, NEWEST_LISTS, NEWEST_CHOICES = 5_000, 1_000, 2_000
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The last comparison: of the traffic since `since`, with the version `version`."""

    version: str
    since: datetime
    checked_at: datetime
    measures: "Sequence[DriftMeasure]"

    @property
    def state(self) -> "DriftState":
        """The worst of the measures."""
        from core.drift.compare import worst

        return worst(self.measures)


class DriftFollower:
    """`report` None before the first look."""

    def __init__(
        self,
        database: Database,
        check_seconds: float,
        models: "Callable[[], Models]",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`models`: those that are served at the time of the call."""
        self.report: DriftReport | None = None
        self._database, self._every, self._models, self._clock = database, check_seconds, models, clock
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self) -> None:
        """Compare anew. Raises SQLAlchemyError when the database cannot be read."""
        async with self._one_at_a_time:
            models = self._models()
            since = made_at(models)
            searches, lists, choices = await self._database.count(partial(_read, since=since, version=models.version))
            measures = await asyncio.to_thread(_compared, models, searches, lists, choices)
            self.report = DriftReport(models.version, since, self._clock(), measures)

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Compare at intervals until told to stop. A comparison that fails leaves the last one in place."""
        await at_intervals(self.refresh, self._every, stop, "drift not measured")


def made_at(models: "Models") -> datetime:
    """From when on traffic is compared: what was completed earlier was learnt, or seen before the version was there."""
    created = models.manifest.get("created_at")
    return models.learnt_before or (datetime.fromisoformat(created) if isinstance(created, str) else _EVER)


def _read(
    connection: Connection, since: datetime, version: str
) -> tuple[list[LiveSearch], list[traffic.LoggedList], list[traffic.LoggedChoice]]:
    return (
        traffic.newest_searches(connection, since, NEWEST_SEARCHES),
        traffic.newest_lists(connection, since, version, PREFIX_LENGTH, NEWEST_LISTS),
        traffic.newest_choices(connection, since, version, NEWEST_CHOICES),
    )


def _compared(
    models: "Models",
    searches: Sequence[LiveSearch],
    lists: Sequence[traffic.LoggedList],
    choices: Sequence[traffic.LoggedChoice],
) -> "Sequence[DriftMeasure]":
    from core.drift.compare import unknown
    from core.services.drift_traffic import Search

    if models.drift is None:
        return unknown("these models do not say what they were trained on")
    completed = [Search(one.text, one.shopper) for one in finished(searches)]
    shown = [_shown(one) for one in lists]
    chosen = [choice for one in choices if (choice := _chosen(one)) is not None]
    return models.drift.compare(completed, shown, chosen)


def finished(searches: Sequence[LiveSearch]) -> list[LiveSearch]:
    """Without the searches that were only on the way to the shopper's next one."""
    following: dict[str, LiveSearch] = {}
    kept = []
    for search in reversed(searches):
        after = following.get(search.shopper)
        if after is None or not is_half_typed(search.text, search.at, after.text, after.at):
            kept.append(search)
        following[search.shopper] = search
    return kept[::-1]


def _shown(one: traffic.LoggedList) -> "Shown":
    from core.services.drift_traffic import Shown

    return Shown(one.session_id, tuple((line["item"], line["source"], line["score"]) for line in one.items))


def _chosen(one: traffic.LoggedChoice) -> "Chosen | None":
    """None where what was chosen is not in the list, as a storefront may say."""
    from core.services.drift_traffic import Chosen

    place = next((at for at, line in enumerate(one.items) if line["item"] == one.chosen), None)
    return None if place is None else Chosen([line["score"] for line in one.items], place)
