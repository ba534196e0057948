"""What all shoppers do, followed: every worker learns what any worker recorded, within a second.

At the start the latest `CROWD_EVENTS` events are read, from then on the new ones at intervals. Nothing of it is
written: the log is the truth.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection

from api.intervals import at_intervals
from config.settings import PersonalizationSettings
from core.domain import ACTION_WEIGHTS, Action
from core.personalization.crowd import Crowd, cohort_key
from core.personalization.keys import NO_KEY, Space, key_of
from database.connection import Database
from database.repositories.log_window import LogWindow
from database.repositories.product_events import ProductEvent, latest_product_events, product_events_received

COHORTS = ("device", "location", "referrer")


class CrowdFollower:
    """`crowd` is the same object until `learn_anew`."""

    def __init__(
        self,
        database: Database,
        settings: PersonalizationSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.crowd = Crowd()
        self._database, self._settings, self._clock = database, settings, clock
        self._window = LogWindow()
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self) -> None:
        """Learn from what came in. Raises SQLAlchemyError when the database cannot be read."""
        async with self._one_at_a_time:
            await self._database.read(self._read)

    async def learn_anew(self) -> None:
        """From the log alone, for something was removed from it. Raises SQLAlchemyError when it cannot be read."""
        async with self._one_at_a_time:
            self.crowd, self._window = Crowd(), LogWindow()
            await self._database.read(self._read)

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Refresh at intervals until told to stop. A failed one leaves everything in place for the next."""
        await at_intervals(self.refresh, self._settings.crowd_refresh_seconds, stop, "events of products not read")

    def _read(self, connection: Connection) -> None:
        since = self._window.since(self._clock())
        if since is None:
            found = latest_product_events(connection, self._settings.crowd_events)
        else:
            found = product_events_received(connection, since, self._window.known)
        for event in found:
            self._window.note(event.event_id, event.received_at)
            self._add(event)
        self._window.looked()

    def _add(self, event: ProductEvent) -> None:
        action, kind = Action(event.action), (event.facts or {}).get("kind")
        self.crowd.add(
            hash(event.shopper),
            key_of(Space.PRODUCT, event.item_id),
            ACTION_WEIGHTS[action],
            event.at.timestamp(),
            bought=action is Action.PURCHASE,
            cohorts=cohorts_of(event.device, event.location, event.referrer) if self._settings.cohort_priors else (),
            kind=key_of(Space.KIND, kind) if kind else NO_KEY,
        )


def cohorts_of(device: str | None, location: str | None, referrer: str | None) -> list[int]:
    """The cohorts of a visit, by what is known of it."""
    values = zip(COHORTS, (device, location, _site(referrer)), strict=True)
    return [cohort_key(field, value) for field, value in values if value]


def _site(referrer: str | None) -> str | None:
    """The host of an address, since whole addresses are of single visits; other words as they are."""
    if not referrer:
        return None
    try:
        return urlsplit(referrer).hostname or referrer
    except ValueError:  # `http://[`: storefronts send what browsers say
        return referrer
