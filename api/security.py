"""Who calls: signed session tokens for shoppers, one key for operators."""

import hmac
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeTimedSerializer
from pydantic import SecretStr

from api.errors import ProblemError
from database.identity import UserKeys

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """What a token vouches for."""

    session_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request is served."""

    session_id: str
    user_key: str | None = None  # None: for the session alone
    operator: bool = False  # came with the admin key


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
        self._ttl_seconds = ttl_seconds
        self._serializer: URLSafeTimedSerializer = URLSafeTimedSerializer(
            secret, salt="session", signer=_Signer, signer_kwargs={"clock": clock}
        )

    def issue(self, claims: SessionClaims) -> str:
        return self._serializer.dumps([claims.session_id, claims.user_id])

    def read(self, token: str) -> SessionClaims:
        """Raises ProblemError (401) for a token that is not ours or too old."""
        try:
            session_id, user_id = self._serializer.loads(token, max_age=self._ttl_seconds)
        except SignatureExpired:
            raise ProblemError(
                401, "expired_token", "The session token has expired; start a new session.", headers=_CHALLENGE
            ) from None
        except BadData:
            raise ProblemError(
                401, "invalid_token", "The bearer token is not a session token of this service.", headers=_CHALLENGE
            ) from None
        return SessionClaims(session_id, user_id)


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides what a request may claim."""

    tokens: SessionTokens
    users: UserKeys
    admin_api_key: SecretStr | None
    allow_unsigned_users: bool

    def is_operator(self, authorization: str | None) -> bool:
        """Whether the header carries the admin key. Compared in constant time."""
        if self.admin_api_key is None or authorization is None:
            return False
        return hmac.compare_digest(_bearer(authorization).encode(), self.admin_api_key.get_secret_value().encode())

    def require_operator(self, authorization: str | None) -> None:
        """Raises ProblemError: 403 where no admin key is set, 401 where it is missing or wrong."""
        if self.admin_api_key is None:
            raise ProblemError(403, "admin_disabled", "Set ADMIN_API_KEY to open this endpoint.")
        if not self.is_operator(authorization):
            raise ProblemError(401, "unauthorized", "This endpoint needs the admin key.", headers=_CHALLENGE)

    def caller(self, authorization: str | None, session_id: str | None, user_id: str | None) -> Caller:
        """Whom to serve. Raises ProblemError: 401 for a bad token, 403 for one that says otherwise than the request.

        Without a token the session alone counts, and a `user_id` is ignored unless unsigned users are allowed.
        """
        if authorization is None or self.is_operator(authorization):
            operator = authorization is not None
            believed = user_id if operator or self.allow_unsigned_users else None
            return Caller(session_id or uuid.uuid4().hex, self._key(believed), operator)
        claims = self.claims(authorization)
        if session_id is not None and session_id != claims.session_id:
            raise ProblemError(403, "session_mismatch", "The token belongs to another session.", field="session_id")
        if user_id is not None and user_id != claims.user_id:
            raise ProblemError(403, "user_mismatch", "The token belongs to another user.", field="user_id")
        return Caller(claims.session_id, self._key(claims.user_id))

    def claims(self, authorization: str) -> SessionClaims:
        """What the header's session token vouches for. Raises ProblemError (401) for a bad one."""
        return self.tokens.read(_bearer(authorization))

    def _key(self, user_id: str | None) -> str | None:
        return None if user_id is None else self.users.key(user_id)


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
