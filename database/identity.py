"""Users as keyed hashes: what is stored says who belongs together, not who it was."""

import hashlib
import hmac


class UserKeys:
    """Pseudonyms under one secret key. Whoever has the tables but not the key cannot try names out."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: at least 32 bytes. Raises ValueError for a shorter one."""
        if len(secret) < 32:
            raise ValueError("the key for user hashes needs at least 32 bytes")
        self._secret = secret

    def key(self, user_id: str) -> str:
        """HMAC-SHA-256 (RFC 2104) of the id, 64 hexadecimal digits."""
        return hmac.new(self._secret, user_id.encode(), hashlib.sha256).hexdigest()
