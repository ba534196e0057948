"""What the shop knows of events as they come in, so that it is stored with them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.state import AppState
from core.domain import Action, Engagement
from database.repositories.lists import find_products_above

_log = structlog.get_logger(__name__)


async def with_facts(state: AppState, events: Sequence[Engagement]) -> list[Engagement]:
    """The events with what is known of their products now, and of what stood above a clicked one and was left alone."""
    skipped = await _skipped(state, events)
    facts_of = state.models.event_facts
    return [
        event
        if event.item_id is None
        else replace(event, facts=facts_of(event.item_id, skipped.get(event.event_id, ())))
        for event in events
    ]


async def _skipped(state: AppState, events: Sequence[Engagement]) -> dict[str, tuple[str, ...]]:
    """By event id: products above the clicked one in the list that this session was shown, the nearest first.

    A list is written a moment after it was shown: who clicks before that leaves nothing alone.
    """
    clicks = [
        event
        for event in events
        if event.action is Action.CLICK and event.request_id is not None and (event.item_rank or 1) > 1
    ]
    if not clicks:
        return {}
    try:
        return await state.database.read(partial(find_products_above, clicks=clicks))
    except SQLAlchemyError as error:  # it makes profiles a little better, and is no reason to refuse an event
        state.metrics.counts["skipped_not_read"] += 1
        _log.warning("products above a click not read", error=type(error).__name__)
        return {}
