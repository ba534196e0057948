"""GET, POST and DELETE /admin/keys: keys for programs, each with what it opens. A change counts within a second."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path

from api.dependencies import State, audited, require_admin
from api.errors import ProblemError, problem_responses
from api.schemas.keys import KeyRequest, KeyResponse, KeysResponse, MadeKey, RotateRequest
from core.access import ApiKey, hash_of, new_key_id, new_secret, written
from database.repositories.api_keys import ApiKeyRepository

router = APIRouter(prefix="/admin/keys", tags=["access"], dependencies=[Depends(require_admin), Depends(audited)])

KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]


@router.get("", responses=problem_responses(401, 403, 503))
async def keys(state: State) -> KeysResponse:
    """Every key that was ever made, without its secret; ADMIN_API_KEY is none of them."""
    async with state.database.reading() as session:
        found = await ApiKeyRepository(session).all()
    now = datetime.now(UTC)
    return KeysResponse(keys=[_response(key, now) for key in found])


@router.post("", status_code=201, responses=problem_responses(401, 403, 503))
async def make_key(body: KeyRequest, state: State) -> MadeKey:
    """Makes a key. It opens this worker when this answers, the others within ACCESS_REFRESH_SECONDS."""
    now, secret = datetime.now(UTC), new_secret()
    if body.expires_at is not None and body.expires_at <= now:
        raise ProblemError(422, "validation_error", "expires_at: is past", field="expires_at")
    key = ApiKey(new_key_id(), body.name, frozenset(body.scopes), hash_of(secret), now, now, expires_at=body.expires_at)
    async with state.database.transaction() as session:
        await ApiKeyRepository(session).add(key)
    await state.keys.refresh()
    return MadeKey(key_id=key.key_id, key=written(key.key_id, secret))


@router.post("/{key_id}/rotate", responses=problem_responses(401, 403, 404, 503))
async def rotate_key(key_id: KeyId, state: State, body: RotateRequest | None = None) -> MadeKey:
    """Gives the key another secret. The one before still opens for a while, so that nobody has to hurry."""
    asked = None if body is None else body.grace_seconds
    grace = state.settings.security.key_grace_seconds if asked is None else asked
    now, secret = datetime.now(UTC), new_secret()
    async with state.database.transaction() as session:
        found = await ApiKeyRepository(session).rotate(key_id, hash_of(secret), now, now + timedelta(seconds=grace))
    if not found:
        raise _unknown()
    await state.keys.refresh()
    return MadeKey(key_id=key_id, key=written(key_id, secret))


@router.delete("/{key_id}", status_code=204, responses=problem_responses(401, 403, 404, 503))
async def revoke_key(key_id: KeyId, state: State) -> None:
    """Closes everything to the key, its secret before a rotation too. It stays in the list."""
    async with state.database.transaction() as session:
        found = await ApiKeyRepository(session).revoke(key_id, datetime.now(UTC))
    if not found:
        raise _unknown()
    await state.keys.refresh()


def _unknown() -> ProblemError:
    return ProblemError(404, "unknown_key", "There is no key with this id that is in use.")


def _response(key: ApiKey, now: datetime) -> KeyResponse:
    state: Literal["active", "expired", "revoked"] = "active"
    if key.revoked_at is not None:
        state = "revoked"
    elif key.expires_at is not None and key.expires_at <= now:
        state = "expired"
    grace = key.previous_until if key.previous_until is not None and key.previous_until > now else None
    return KeyResponse(
        key_id=key.key_id,
        name=key.name,
        scopes=sorted(key.scopes),
        state=state,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        previous_until=grace,
    )
