"""The service as it is, but each event in a commit of its own: what group commit is compared with.

`uvicorn --factory tests.benchmarks.commit_per_event:create`. Nothing else differs: the same routes, the same writer,
the same transaction for an event and its profile.
"""

from collections.abc import Sequence

from fastapi import FastAPI

from api import lifespan
from api.main import create_app
from config.settings import Settings
from core.domain import Engagement
from database.writer import Appended, EventWriter


class OneEventPerCommit(EventWriter):
    """Takes apart what comes together."""

    events_per_commit = 1

    async def append_many(self, events: Sequence[Engagement]) -> list[Appended]:
        waiting = [self._enqueue([event]) for event in events]
        return [outcome for one in waiting for outcome in await one]


def create() -> FastAPI:
    """The service's own app with the settings of the environment, and this writer."""
    vars(lifespan)["EventWriter"] = OneEventPerCommit  # the service has no switch for it, and needs none
    return create_app(Settings())
