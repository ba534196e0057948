"""Visits to the shop, each with what the storefront said at its start."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from database.models import sessions


@dataclass(frozen=True, slots=True)
class ShopSession:
    """One visit. `user_key` is the keyed hash of the user id."""

    session_id: str
    started_at: datetime
    user_key: str | None = None
    device: str | None = None
    locale: str | None = None
    location: str | None = None
    referrer: str | None = None


class SessionRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, visit: ShopSession) -> None:
        """Record a new visit. Raises IntegrityError for a session id that is there."""
        await self._session.execute(insert(sessions), asdict(visit))
