"""The way of a keystroke: cache, else index and models within the deadline; then what is this shopper's, now.

The index answers within a millisecond; meanwhile the models are at work in their process (in threads they are asked
after it, and only where they have something to add). They are waited for until the deadline; while they are at work for
another, `MODEL_WAIT_MS`; and not at all while several wait, or the worker has more to do than it can (`api.admission`).
Then the list is what the index gave, and what the models find late is kept for the next one who types this.
"""

import asyncio
import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import structlog

from api.finished import Finished
from api.state import AppState, Models, Served
from core.domain import SuggestQuery
from core.errors import ModelsError, OverloadedError
from core.personalization.shopper import Shopper
from core.services.gathered import Gathered, Now
from core.text.normalize import normalize_prefix

_MODELS_SECONDS = 0.15  # after which a list is cut short, and not kept
_PREPARED_SECONDS = 5.0  # for a list that nobody waits for
_FINISHING_SECONDS = 0.012  # kept back of the deadline for ranking and writing the reply, however busy the machine

_log = structlog.get_logger(__name__)


async def complete(
    state: AppState, served: Served, query: SuggestQuery, begun: float, shopper: Shopper | None = None
) -> Finished:
    """The suggestion list of what is `served` for one keystroke, by the deadline of the settings.

    `begun`: when the request came, in seconds of `time.perf_counter()`.
    """
    models, live = served.models, served.live
    prefix = normalize_prefix(query.prefix)
    key = _key(models, prefix, query)
    version = (
        key, query.include_products, query.diversity, live.version, state.rules.version, models.catalog_number,
    )  # fmt: skip
    shared = bool(prefix) and not query.explain and not query.previous and not (shopper and shopper.is_known)
    if shared and (finished := state.replies.get(version)) is not None:
        state.candidates.counts.hits += 1
        state.metrics.stages("autosuggest", {"cache": (time.perf_counter() - begun) * 1_000})
        return finished
    gathered = await _gathered(state, models, query, key, begun) if prefix else models.gather(query, 0.0, True)
    now = Now(state.rules.current, live.index, live.forms, shopper, datetime.now(UTC))
    reply = models.finish(gathered, query, now)
    for source in reply.late:
        state.metrics.counts[f"late_{source}"] += 1
    state.metrics.stages("autosuggest", {**reply.stage_ms, "compute": (time.perf_counter() - begun) * 1_000})
    finished_reply = Finished.of(reply, explain=query.explain)
    if shared and gathered.complete:
        state.replies.put(version, finished_reply)
    return finished_reply


async def prepare(state: AppState, models: Models, prefix: str) -> None:
    """Gathers for `prefix`, as the page asks for it, and keeps what is found, unless it is kept already.

    Raises OverloadedError when too many wait to be computed, ModelsError when computing it failed.
    """
    query = SuggestQuery(prefix)
    key = _key(models, normalize_prefix(prefix), query)
    if await state.candidates.holds(key):
        return
    indexed = models.gather(query, math.inf, False)
    if indexed.complete:
        await state.candidates.keep(key, indexed)
        return
    await _asked(state, models, query, key, waited_until=0.0, until=time.perf_counter() + _PREPARED_SECONDS)


async def _gathered(state: AppState, models: Models, query: SuggestQuery, key: str, begun: float) -> Gathered:
    known = await state.candidates.known(key)
    if known is not None:
        return known
    if state.metrics.pressed:
        return _from_index(state, models, query, key)
    settings = state.settings.suggest
    deadline = begun + settings.max_latency_ms / 1_000 - _FINISHING_SECONDS
    # The models may take longer than this shopper waits: on a busy machine nothing would ever be kept otherwise.
    until, waited_until, flight = begun + _MODELS_SECONDS, deadline, None
    if models.process is not None:
        ahead = models.process.pending
        if ahead:  # one is answered in about that time; behind more, this one would be late whatever it waits
            waited_until = min(deadline, begun + settings.model_wait_ms / 1_000) if ahead == 1 else begun
        flight = _asked(state, models, query, key, waited_until, until)
        await asyncio.sleep(0)  # the process begins with it
    indexed = models.gather(query, deadline, False)
    if indexed.complete:
        await state.candidates.keep(key, indexed)
        return indexed
    if flight is None:
        flight = _asked(state, models, query, key, waited_until, until)
    await asyncio.wait([flight], timeout=max(0.0, waited_until - time.perf_counter()))
    if flight.done():
        try:
            return flight.result()
        except OverloadedError:
            pass  # counted below
        except ModelsError as error:
            state.metrics.counts["models_failed"] += 1
            _log.error("the models failed", error=str(error))
    return _without_models(indexed)


def _from_index(state: AppState, models: Models, query: SuggestQuery, key: str) -> Gathered:
    """In a worker that has more to do than it can, without letting go of the event loop: others would come first.

    Where the model process has nothing to do, the next one who types this has what it finds.
    """
    indexed = models.gather(query, math.inf, False)
    if indexed.complete:
        return indexed
    if models.process is not None and not models.process.pending:
        now = time.perf_counter()
        _asked(state, models, query, key, waited_until=now, until=now + _MODELS_SECONDS)
    return _without_models(indexed)


def _without_models(indexed: Gathered) -> Gathered:
    return replace(indexed, pool=replace(indexed.pool, late=[*indexed.pool.late, "models"]))


def _asked(
    state: AppState, models: Models, query: SuggestQuery, key: str, waited_until: float, until: float
) -> "asyncio.Task[Gathered]":
    """The models at work on `query`, in their process or in a thread; what they find by `until` is kept."""
    if models.process is not None:
        flight = state.candidates.computed(key, partial(models.process.gather, query, waited_until, until))
    else:
        flight = state.candidates.computed(key, partial(state.threads.run, partial(models.gather, query, until, True)))
    flight.add_done_callback(_heard)
    return flight


def _heard(flight: "asyncio.Task[Gathered]") -> None:
    """Who waits for it hears of it; that it was refused is counted there."""
    if not flight.cancelled():
        flight.exception()


def _key(models: Models, prefix: str, query: SuggestQuery) -> str:
    # The unit separator cannot be in a normalised prefix, so two requests never share a key by accident.
    return "\x1f".join((models.version, str(query.limit), prefix, query.category or "", *_beam(query)))


def _beam(query: SuggestQuery) -> tuple[str, ...]:
    return () if query.beam_width is None else (str(query.beam_width),)
