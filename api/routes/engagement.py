"""POST /engagement and /engagement/batch: what shoppers did.

A 200 means that it is on disk, and that the shopper's next request is served by it.
"""

import asyncio
import uuid
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter

from api.dependencies import STOREFRONT, Authorization, State
from api.direct_route import DirectRoute
from api.errors import ProblemError, problem_responses
from api.event_facts import with_facts
from api.schemas.engagement import (
    EngagementBatchRequest,
    EngagementBatchResponse,
    EngagementRequest,
    EngagementResponse,
)
from api.state import AppState
from core.access import Scope
from core.domain import Action, Engagement
from database.writer import Appended

router = APIRouter(prefix="/engagement", tags=["storefront"], route_class=DirectRoute)

MAX_AGE = timedelta(days=1)  # replays and devices that were offline
MAX_AHEAD = timedelta(minutes=5)  # clocks that run fast
_AT_ONCE = 10  # events of a batch: a millisecond
_RESPONSES = problem_responses(401, 403, 409, 503)


@router.post("", responses=_RESPONSES, openapi_extra=STOREFRONT)
async def engagement(body: EngagementRequest, state: State, authorization: Authorization = None) -> EngagementResponse:
    """Store one event. Repeating it with the same `event_id` changes nothing; another event under that id is a 409."""
    [event] = await with_facts(state, [_event(state, authorization, body, prefix="")])
    new = await state.writer.append(event)
    known = await _known_items(state, [event])
    if new:
        _note_completed(state, event)
    return _response(event, Appended.NEW if new else Appended.DUPLICATE, known)


@router.post("/batch", responses=_RESPONSES, openapi_extra=STOREFRONT)
async def engagement_batch(
    body: EngagementBatchRequest, state: State, authorization: Authorization = None
) -> EngagementBatchResponse:
    """Store many events in one transaction; one invalid event refuses them all, a reused `event_id` only itself."""
    events: list[Engagement] = []
    for start in range(0, len(body.events), _AT_ONCE):
        some = enumerate(body.events[start : start + _AT_ONCE], start)
        events += await with_facts(state, [_event(state, authorization, one, f"events.{at}.") for at, one in some])
        await asyncio.sleep(0)  # keystrokes come in between
    outcomes = await state.writer.append_many(events)
    known = await _known_items(state, events)
    for event, outcome in zip(events, outcomes, strict=True):
        if outcome is Appended.NEW:
            _note_completed(state, event)
    results = [_response(event, outcome, known) for event, outcome in zip(events, outcomes, strict=True)]
    return EngagementBatchResponse(success=all(result.success for result in results), results=results)


def _event(state: AppState, authorization: str | None, body: EngagementRequest, prefix: str) -> Engagement:
    """The event, on behalf of whom the token vouches for. Raises ProblemError."""
    caller = state.gate.caller(authorization, body.session_id, body.user_id, Scope.INGEST)
    now = datetime.now(UTC)
    occurred_at = body.timestamp or now
    if occurred_at > now + MAX_AHEAD:
        raise _bad_time(prefix, "lies in the future")
    if occurred_at < now - MAX_AGE and not caller.may_backdate:
        raise _bad_time(prefix, "is more than a day old")
    return Engagement(
        event_id=str(body.event_id or uuid.uuid4()),
        action=body.action_type,
        occurred_at=occurred_at,
        session_id=caller.stored_session,
        user_key=caller.user_key,
        item_id=body.item_id,
        query=body.query,
        item_rank=body.item_rank,
        duration_seconds=body.duration_seconds,
        request_id=body.request_id,
        additional_data=body.additional_data,
    )


def _note_completed(state: AppState, event: Engagement) -> None:
    if event.action in (Action.SEARCH, Action.SUGGESTION_CLICK) and event.query and event.session_id:
        state.sessions.note(event.session_id, event.user_key, event.query, event.occurred_at)


def _bad_time(prefix: str, what: str) -> ProblemError:
    return ProblemError(422, "validation_error", f"{prefix}timestamp {what}", field=f"{prefix}timestamp")


async def _known_items(state: AppState, events: Collection[Engagement]) -> Collection[str]:
    """Products that the index has are known; of others (too new, or gone from it) the database is asked."""
    serves = state.models.serves
    named = {event.item_id for event in events if event.item_id is not None}
    served = {one for one in named if serves(one)}
    return served.union(await state.known_items.among(named - served))


def _response(event: Engagement, outcome: Appended, known: Collection[str]) -> EngagementResponse:
    if outcome is Appended.CONFLICT:
        message = "not stored: the event_id was used before for another event"
    else:
        message = "stored" if outcome is Appended.NEW else "stored before"
        if event.item_id is not None and event.item_id not in known:
            message += "; the catalogue does not (yet) know this item_id"
    return EngagementResponse(success=outcome is not Appended.CONFLICT, message=message, event_id=event.event_id)
