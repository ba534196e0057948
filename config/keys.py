"""Secrets that are made on first use and kept below `<home>/keys/`, readable by their owner alone.

Losing them only ends running sessions and separates users from their history; so they need no ceremony, just a place.
"""

import os
import secrets
from pathlib import Path

_BYTES = 32  # 256 bits, the strength of the hashes they key


def user_hash_key(home: Path) -> bytes:
    """The key under which user ids are hashed before they are stored."""
    return bytes.fromhex(_create_or_read(home / "keys" / "user-hash.key"))


def session_signing_key(home: Path) -> bytes:
    """The key that signs session tokens. All workers of one home share it."""
    return bytes.fromhex(_create_or_read(home / "keys" / "session-signing.key"))


def admin_key(home: Path) -> str:
    """A random admin key for a demo; the service itself takes it from ADMIN_API_KEY only."""
    return _create_or_read(home / "keys" / "admin.key")


def _create_or_read(path: Path) -> str:
    """The secret in this file, 64 hexadecimal digits. Of several processes that start at once, one makes it for all.

    Raises ValueError for a file that holds something else, OSError where the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            _publish(draft, path)
        finally:
            draft.unlink()
    secret = path.read_text(encoding="ascii").strip()
    if len(secret) != 2 * _BYTES or not set(secret) <= set("0123456789abcdef"):
        raise ValueError(f"{path} does not hold a key of {2 * _BYTES} hexadecimal digits; remove it to get a new one")
    return secret


def _publish(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)  # whole or not at all, and never over another process's key
    except FileExistsError:
        return
