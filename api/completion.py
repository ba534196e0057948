"""The way of a keystroke: cache, else index and models within the deadline; then what is this shopper's, now.

The index answers within a millisecond and is asked at once. Where the models have something to add, they are asked in a
thread, and waited for until the deadline at most: then the list is what the index gave, and what the models find late
is kept for the next one who types this.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from api.finished import Finished
from api.state import AppState, Models
from core.domain import SuggestQuery
from core.errors import OverloadedError
from core.services.gathered import Gathered, Now
from core.text.normalize import normalize_prefix

_MODELS_SECONDS = 0.15  # after which a list is cut short, and not kept
_FINISHING_SECONDS = 0.004  # kept back of the deadline for ranking, logging and writing the reply


async def complete(state: AppState, models: Models, query: SuggestQuery, begun: float) -> Finished:
    """The suggestion list of `models` for one keystroke, by the deadline of the settings.

    `begun`: when the request came, in seconds of `time.perf_counter()`.
    """
    prefix = normalize_prefix(query.prefix)
    key = _key(models, prefix, query)
    version = (key, query.include_products, state.live.version, state.rules.version)
    shared = bool(prefix) and not query.explain and not query.previous
    if shared and (finished := state.replies.get(version)) is not None:
        state.candidates.counts.hits += 1
        state.metrics.stages("autosuggest", {"cache": (time.perf_counter() - begun) * 1_000})
        return finished
    gathered = await _gathered(state, models, query, key, begun) if prefix else models.gather(query, 0.0, True)
    now = Now(state.rules.current, state.live.index, state.live.forms, datetime.now(UTC))
    reply = models.finish(gathered, query, now)
    for source in reply.late:
        state.metrics.counts[f"late_{source}"] += 1
    state.metrics.stages("autosuggest", {**reply.stage_ms, "compute": (time.perf_counter() - begun) * 1_000})
    finished_reply = Finished.of(reply, explain=query.explain)
    if shared and gathered.complete:
        state.replies.put(version, finished_reply)
    return finished_reply


async def _gathered(state: AppState, models: Models, query: SuggestQuery, key: str, begun: float) -> Gathered:
    known = await state.candidates.known(key)
    if known is not None:
        return known
    deadline = begun + state.settings.suggest.max_latency_ms / 1_000 - _FINISHING_SECONDS
    indexed = models.gather(query, deadline, False)
    if indexed.complete:
        await state.candidates.keep(key, indexed)
        return indexed
    # The models may take longer than this shopper waits: on a busy machine nothing would ever be kept otherwise.
    compute = partial(state.threads.run, partial(models.gather, query, begun + _MODELS_SECONDS, True))
    flight = state.candidates.computed(key, compute)
    with suppress(TimeoutError, OverloadedError):
        return await asyncio.wait_for(asyncio.shield(flight), max(0.0, deadline - time.perf_counter()))
    flight.add_done_callback(_heard)
    return replace(indexed, pool=replace(indexed.pool, late=[*indexed.pool.late, "models"]))


def _heard(flight: "asyncio.Task[Gathered]") -> None:
    """Nobody waits for it any more; that it was refused was counted."""
    if not flight.cancelled():
        flight.exception()


def _key(models: Models, prefix: str, query: SuggestQuery) -> str:
    # The unit separator cannot be in a normalised prefix, so two requests never share a key by accident.
    return "\x1f".join((models.version, str(query.limit), prefix, query.category or ""))
