"""People and visits as keyed hashes: what is stored says what belongs together, not to whom."""

import hmac


class UserKeys:
    """Pseudonyms under one secret key. Whoever has the tables but not the key cannot try names out."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: at least 32 bytes. Raises ValueError for a shorter one."""
        if len(secret) < 32:
            raise ValueError("the key for user hashes needs at least 32 bytes")
        # Keyed once and copied for each id: `hmac.digest` lets go of the interpreter's lock, and under load it then
        # waits for it for longer than the hash takes.
        self._users = hmac.new(secret, digestmod="sha256")
        # Of its own, derived from the first: whatever a user is called, it is never the hash of a session.
        self._sessions = hmac.new(hmac.digest(secret, b"session ids", "sha256"), digestmod="sha256")

    def key(self, user_id: str) -> str:
        """HMAC-SHA-256 (RFC 2104) of the user's id, 64 hexadecimal digits."""
        return _hash(self._users, user_id)

    def session(self, session_id: str) -> str:
        """The same of a session's id: storefronts choose some of them, and may take anything."""
        return _hash(self._sessions, session_id)

    def session_or_none(self, session_id: str | None) -> str | None:
        """Of a row that may be of no session."""
        return None if session_id is None else self.session(session_id)


def _hash(keyed: hmac.HMAC, text: str) -> str:
    one = keyed.copy()
    one.update(text.encode())
    return one.hexdigest()
