"""Visits to the shop, each with what the storefront said at its start."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select
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


def find_visit(connection: Connection, session_id: str) -> ShopSession | None:
    """None for a session that was never started here."""
    row = connection.execute(_VISIT, {"session_id": session_id}).first()
    return None if row is None else ShopSession(**row._mapping)


class SessionRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, visit: ShopSession) -> None:
        """Record a new visit. Raises IntegrityError for a session id that is there."""
        await self._session.execute(insert(sessions), asdict(visit))


_VISIT = select(*(sessions.c[name] for name in ShopSession.__slots__)).where(
    sessions.c.session_id == bindparam("session_id")
)
