"""The way of a keystroke: cache, else compute within the deadline, else say that too many wait."""

import time
from contextlib import suppress
from functools import partial

from pydantic import TypeAdapter, ValidationError

from api.state import AppState, Models
from core.domain import SuggestQuery, SuggestReply
from core.errors import OverloadedError
from core.text.normalize import normalize_prefix
from database.repositories.events import find_recent_queries

_RECENT = 10  # own queries offered in an empty box; the list has at most 20 lines

_RECENT_WAIT_SECONDS = 0.05  # for events on their way to disk, usually a few milliseconds

_reply = TypeAdapter(SuggestReply)


async def complete(state: AppState, models: Models, query: SuggestQuery) -> SuggestReply:
    """The suggestion list of `models`. What is the same for everybody comes from the cache if it can.

    Raises OverloadedError.
    """
    prefix = normalize_prefix(query.prefix)
    shared = bool(prefix) and not query.explain and not query.recent
    key = _cache_key(models, prefix, query)
    begun = time.perf_counter()
    deadline = begun + state.settings.suggest.max_latency_ms / 1_000
    if shared and (cached := await _from_cache(state, key)) is not None:
        state.metrics.stages("autosuggest", {"cache": (time.perf_counter() - begun) * 1_000})
        return cached
    reply = await state.threads.run(partial(models.suggest, query, deadline))
    finished = time.perf_counter()
    state.metrics.stages("autosuggest", {**reply.stage_ms, "compute": (finished - begun) * 1_000})
    if shared and finished < deadline:  # a list cut short by a busy moment must not stay
        ttl_seconds = state.settings.suggest.suggest_cache_ttl_seconds
        await state.cache.put(key, _reply.dump_json(reply), ttl_seconds)
    return reply


async def recent_queries(state: AppState, session_id: str, user_key: str | None) -> tuple[str, ...]:
    """What this session, or its signed user, completed last; newest first."""
    with suppress(OverloadedError):
        await state.writer.flush_events(_RECENT_WAIT_SECONDS)  # a search just made is among them
    read = partial(find_recent_queries, session_id=session_id, user_key=user_key, limit=_RECENT)
    return tuple(await state.database.read(read))


def _cache_key(models: Models, prefix: str, query: SuggestQuery) -> str:
    # The unit separator cannot be in a normalised prefix, so two requests never share a key by accident.
    parts = (models.version, str(query.limit), str(query.include_products), prefix, query.category or "")
    return "\x1f".join(parts)


async def _from_cache(state: AppState, key: str) -> SuggestReply | None:
    stored = await state.cache.get(key)
    if stored is None:
        return None
    try:
        return _reply.validate_json(stored)
    except ValidationError:  # written by another release that shares this Redis
        state.metrics.counts["unreadable_cache_entries"] += 1
        return None
