"""Signed session tokens: which visit this is, and whose."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from api.errors import ProblemError

_TOKENS_KEPT = 10_000  # about 5 MB
CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """What a token vouches for."""

    session_id: str
    user_id: str


class _Signer(TimestampSigner):
    """Signs the time of a given clock."""

    def __init__(self, *args: object, clock: Callable[[], float], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed through from the serializer
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class SessionTokens:
    """Issues and reads tokens. They are signed, not encrypted: a shopper may read their own id."""

    def __init__(self, secret: bytes, ttl_seconds: int, clock: Callable[[], float] = time.time) -> None:
        self._ttl_seconds, self._clock = ttl_seconds, clock
        # A keystroke's token is looked at for its budget and for its list, and comes again with the next keystroke.
        self._read: OrderedDict[str, tuple[SessionClaims, float]] = OrderedDict()  # with the last second of each
        self._serializer: URLSafeTimedSerializer = URLSafeTimedSerializer(
            secret, salt="session", signer=_Signer, signer_kwargs={"clock": clock}
        )

    def issue(self, claims: SessionClaims) -> str:
        return self._serializer.dumps([claims.session_id, claims.user_id])

    def read(self, token: str) -> SessionClaims:
        """Raises ProblemError (401) for a token that is not ours or too old."""
        known = self._read.get(token)
        if known is not None and self._clock() < known[1] + 1:
            self._read.move_to_end(token)
            return known[0]
        try:
            (session_id, user_id), issued = self._serializer.loads(
                token, max_age=self._ttl_seconds, return_timestamp=True
            )
        except SignatureExpired:
            raise ProblemError(
                401, "expired_token", "The session token has expired; start a new session.", headers=CHALLENGE
            ) from None
        except BadData:
            raise ProblemError(
                401, "invalid_token", "The bearer token is not a session token of this service.", headers=CHALLENGE
            ) from None
        claims = SessionClaims(session_id, user_id)
        self._read[token] = claims, issued.timestamp() + self._ttl_seconds
        if len(self._read) > _TOKENS_KEPT:
            self._read.popitem(last=False)
        return claims
