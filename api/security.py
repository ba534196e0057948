"""Who calls, and what that opens.

A request comes with a key (`core.access`), with a session's signed token (`api.tokens`), or with neither. A key speaks
for anybody, within its scopes. A token speaks for its own user in its own session. Without either a request is served
for the session that it names alone, which never opens what a signed user did.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from api.errors import ProblemError
from api.keys import KeyRing
from api.tokens import CHALLENGE, SessionClaims, SessionTokens
from core.access import ApiKey, Scope
from database.identity import UserKeys


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request is served. The keys are what is stored; the id of the session goes back."""

    session_id: str
    session_key: str
    user_key: str | None = None  # None: for the session alone
    is_known: bool = True  # False: opted out, so nothing is read of them, and nothing kept together
    may_backdate: bool = False  # events may be of any time

    @property
    def stored_session(self) -> str | None:
        """The session that an event belongs to; None where it must belong to nobody."""
        return self.session_key if self.is_known else None


def _nobody(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides what a request may claim."""

    tokens: SessionTokens
    users: UserKeys
    ring: Callable[[], KeyRing]
    allow_unsigned_users: bool
    opted_out: Callable[[str], bool] = _nobody

    def key(self, authorization: str | None) -> ApiKey | None:
        """The key that the header carries; None for a token, for nothing, and for a key that opens nothing now."""
        return None if authorization is None else self.ring().find(_bearer(authorization))

    def require(self, authorization: str | None, scope: Scope) -> ApiKey:
        """The key, which opens `scope`.

        Raises ProblemError: 401 where it is missing or wrong, 403 where it opens other things, or none is set at all.
        """
        found = self.key(authorization)
        if found is not None:
            return _in_scope(found, scope)
        if not self.ring().has_admin:
            raise ProblemError(403, "admin_disabled", "Set ADMIN_API_KEY to open this endpoint.")
        raise ProblemError(
            401, "unauthorized", f"This endpoint needs a key with the scope {scope.value}.", headers=CHALLENGE
        )

    def require_oneself(self, authorization: str | None, user_id: str, scope: Scope) -> None:
        """Lets the user's own token pass, and keys that open `scope`.

        Raises ProblemError: 401 without either, 403 for another user's token or another scope's key.
        """
        if authorization is None or self.key(authorization) is not None:
            self.require(authorization, scope)
        elif self.claims(authorization).user_id != user_id:
            raise ProblemError(403, "user_mismatch", "The token belongs to another user.", field="user_id")

    def require_vouched(self, authorization: str | None, user_id: str) -> None:
        """Lets pass who may say that a visitor is this user: the shop's server, or the user's own token.

        Raises ProblemError: 401 for nobody and for a token that is no good, 403 for another user's token.
        """
        if self.allow_unsigned_users:
            return
        if authorization is None:
            raise ProblemError(
                401,
                "unvouched_user",
                "Who is logged in is for the shop's server to say: send a key with the scope storefront.",
                headers=CHALLENGE,
            )
        self.require_oneself(authorization, user_id, Scope.STOREFRONT)

    def caller(
        self,
        authorization: str | None,
        session_id: str | None,
        user_id: str | None,
        scope: Scope = Scope.STOREFRONT,
    ) -> Caller:
        """Whom to serve. Raises ProblemError: 401 for a bad token, 403 for one that says otherwise than the request,
        and for a key that opens neither `scope` nor the storefront.

        Without either the session alone counts, and a `user_id` is ignored unless unsigned users are allowed.
        """
        key = self.key(authorization)
        if authorization is None or key is not None:
            if key is not None and not key.opens(Scope.STOREFRONT):
                _in_scope(key, scope)
            believed = user_id if key is not None or self.allow_unsigned_users else None
            return self._caller(session_id, believed, may_backdate=key is not None and key.opens(Scope.INGEST))
        claims = self.claims(authorization)
        if session_id is not None and session_id != claims.session_id:
            raise ProblemError(403, "session_mismatch", "The token belongs to another session.", field="session_id")
        if user_id is not None and user_id != claims.user_id:
            raise ProblemError(403, "user_mismatch", "The token belongs to another user.", field="user_id")
        return self.served(claims)

    def served(self, claims: SessionClaims) -> Caller:
        """Who comes with a token of these claims."""
        return self._caller(claims.session_id, claims.user_id, may_backdate=False)

    def claims(self, authorization: str) -> SessionClaims:
        """What the header's session token vouches for. Raises ProblemError (401) for a bad one."""
        return self.tokens.read(_bearer(authorization))

    def _caller(self, session_id: str | None, user_id: str | None, *, may_backdate: bool) -> Caller:
        session_id = session_id or uuid.uuid4().hex
        user_key = None if user_id is None else self.users.key(user_id)
        if user_key is not None and self.opted_out(user_key):
            # A session of its own for each request: what is logged of two cannot be put together.
            nobody = self.users.session(uuid.uuid4().hex)
            return Caller(session_id, nobody, is_known=False, may_backdate=may_backdate)
        return Caller(session_id, self.users.session(session_id), user_key, may_backdate=may_backdate)


def _in_scope(key: ApiKey, scope: Scope) -> ApiKey:
    if not key.opens(scope):
        raise ProblemError(403, "insufficient_scope", f"This needs a key with the scope {scope.value}.")
    return key


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
