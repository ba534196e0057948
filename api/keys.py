"""The keys that open this service, followed in the background: a key made or revoked counts within a second."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from api.rules import Followed
from core.access import ApiKey, Scope, hash_of, read_key
from database.connection import Database
from database.repositories.api_keys import ApiKeyRepository

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys at one time. `own` is ADMIN_API_KEY: it opens everything and needs no database."""

    own: ApiKey | None = None
    stored: Mapping[str, ApiKey] = field(default_factory=dict)
    clock: Callable[[], datetime] = _now

    def find(self, bearer: str) -> ApiKey | None:
        """The key that this is, if it opens anything now. Costs a microsecond or two where it is none."""
        read = read_key(bearer)
        if read is not None:
            key_id, secret_hash = read
            known = self.stored.get(key_id)
            if known is not None and known.accepts(secret_hash, self.clock()):
                return known
        return self.own if self.own is not None and hmac.compare_digest(self.own.secret_hash, hash_of(bearer)) else None

    @property
    def has_admin(self) -> bool:
        """Whether any key opens /admin."""
        now = self.clock()
        stored = (key for key in self.stored.values() if Scope.ADMIN in key.scopes)
        return self.own is not None or any(key.accepts(key.secret_hash, now) for key in stored)


def environment_key(secret: SecretStr | None) -> ApiKey | None:
    """ADMIN_API_KEY as a key like the others."""
    if secret is None:
        return None
    hashed = hash_of(secret.get_secret_value())
    return ApiKey("environment", "ADMIN_API_KEY", frozenset({Scope.ADMIN}), hashed, _LONG_AGO, _LONG_AGO)


class Keys(Followed[KeyRing]):
    """`current`: the keys that are stored, and the one of the environment."""

    name = "keys"

    def __init__(self, database: Database, check_seconds: float, admin_api_key: SecretStr | None) -> None:
        super().__init__(database, check_seconds, KeyRing(environment_key(admin_api_key)))

    async def _mark(self, session: AsyncSession) -> int:
        return await ApiKeyRepository(session).mark()

    async def _read(self, session: AsyncSession) -> KeyRing:
        return KeyRing(self.current.own, {key.key_id: key for key in await ApiKeyRepository(session).all()})
