"""Keys of programs: `cad_<key id>_<secret>`. What is kept is a hash, so a stolen table opens nothing.

A secret has 256 random bits. Nobody can try those out, so one SHA-256 is enough: salts and slow hashes protect what
people choose. The key's id is no secret; it finds the row, and the hashes are then compared in constant time.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_KEY = re.compile(r"cad_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a key opens. An admin key opens everything."""

    ADMIN = "admin"
    ANALYTICS = "analytics"  # numbers and exports, of everybody: read only
    INGEST = "ingest"  # events of any user, however old
    STOREFRONT = "storefront"  # the shop's own server: lists and sessions for users that it has logged in


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored. After a rotation the secret before it still opens until `previous_until`."""

    key_id: str
    name: str
    scopes: frozenset[Scope]
    secret_hash: str
    created_at: datetime
    changed_at: datetime
    previous_hash: str | None = None
    previous_until: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def opens(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def accepts(self, secret_hash: str, now: datetime) -> bool:
        """Whether a secret with this hash is the key's, now."""
        if self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now):
            return False
        current = hmac.compare_digest(self.secret_hash, secret_hash)
        before = hmac.compare_digest(self.previous_hash or "", secret_hash)
        return current or (before and self.previous_until is not None and now < self.previous_until)


def new_key_id() -> str:
    return secrets.token_hex(6)


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def written(key_id: str, secret: str) -> str:
    """The key as it is handed out, once."""
    return f"cad_{key_id}_{secret}"


def read_key(text: str) -> tuple[str, str] | None:
    """The id and the hash of the secret of a written key; None for text that is none."""
    found = _KEY.fullmatch(text)
    return None if found is None else (found[1], hash_of(found[2]))


def hash_of(secret: str) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()
