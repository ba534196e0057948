"""Lists of both arms in one: for experiments that compare by interleaving (`core.experiments.interleaving`)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from api.experiments import shopper_in
from api.finished import Finished
from api.state import AppState
from core.domain import SearchQuery, SearchReply, Suggestion
from core.experiments.assignment import Assignment, Placement
from core.experiments.definition import Changes
from core.experiments.interleaving import Interleaved, Method, interleave
from core.personalization.shopper import Shopper


@dataclass(frozen=True, slots=True)
class InterleavedSuggestions:
    """`differs`: whether the arms' lists do, as far as they are shown."""

    finished: Finished
    differs: bool


@dataclass(frozen=True, slots=True)
class FoundProducts:
    """One page, and the version that says so. `credits`: of each hit, where two arms' lists were joined."""

    reply: SearchReply
    credits: tuple[float, ...]
    version: str

    @property
    def differs(self) -> bool:
        return any(self.credits)


def interleaving_of(assignment: Assignment, touched: frozenset[str]) -> Placement | None:
    """The experiment that asks for two lists, where its arms change what is `touched` (names of `Changes`)."""
    placement = assignment.interleaving
    return placement if placement is not None and placement.experiment.touches & touched else None


def _arms(placement: Placement, assignment: Assignment) -> tuple[Changes, Changes]:
    """Of the control and of the treatment, over what other experiments change."""
    control, treatment = placement.experiment.arms
    return control.changes.over(assignment.changes), treatment.changes.over(assignment.changes)


def _together(placement: Placement, a: list[str], b: list[str], seed: str, limit: int) -> Interleaved:
    return interleave(a, b, seed, limit, Method(placement.experiment.method.value))


async def suggested(
    placement: Placement,
    assignment: Assignment,
    complete: Callable[[Changes], Awaitable[Finished]],
    seed: str,
    limit: int,
    *,
    explain: bool,
) -> InterleavedSuggestions:
    """`complete` gives one arm's list; cards and scopes are those of the arm whose line stands first."""
    one, other = [await complete(changes) for changes in _arms(placement, assignment)]
    if one.texts == other.texts or one.reply.late or other.reply.late:  # who was late would lose for that alone
        return InterleavedSuggestions(one, differs=False)
    both = _together(placement, one.texts, other.texts, seed, limit)
    lines = {line.text: line for line in (*other.reply.suggestions, *one.reply.suggestions)}
    first = one if one.texts[:1] == list(both.items[:1]) else other
    reply = replace(first.reply, suggestions=_descending([lines[text] for text in both.items]))
    return InterleavedSuggestions(Finished.of(reply, explain=explain, credits=both.credits), differs=True)


def _descending(lines: list[Suggestion]) -> tuple[Suggestion, ...]:
    """Scores fall down the list, as everywhere: of two arms they need not."""
    least, falling = 1.0, []
    for line in lines:
        least = min(least, line.score)
        falling.append(replace(line, score=least))
    return tuple(falling)


async def searched(
    state: AppState, placement: Placement, assignment: Assignment, query: SearchQuery, shopper: Shopper | None
) -> FoundProducts:
    """A page of one list. Total, facets and words are the control's; each arm keeps its order for later pages."""
    depth, seed = query.offset + query.limit, query.page_of or query.request_id or ""

    def asked(arm: str) -> SearchQuery:
        def of(request_id: str | None) -> str | None:
            return None if request_id is None else f"{request_id}\x1f{arm}"

        return replace(
            query, offset=0, limit=depth, explore=False, request_id=of(query.request_id), page_of=of(query.page_of)
        )

    changes = _arms(placement, assignment)
    served = [state.serving(one) for one in changes]
    control, treatment = await asyncio.gather(
        served[0].search.search(asked("a"), shopper_in(shopper, changes[0])),
        served[1].search.search(asked("b"), shopper_in(shopper, changes[1])),
    )
    a, b = ([hit.product_id for hit in reply.hits] for reply in (control, treatment))
    both = _together(placement, a, b, seed, depth)
    hits = {hit.product_id: hit for hit in (*treatment.hits, *control.hits)}
    page = slice(query.offset, depth)
    reply = replace(
        control,
        hits=tuple(hits[product_id] for product_id in both.items[page]),
        personalized=control.personalized or treatment.personalized,
    )
    return FoundProducts(reply, both.credits[page], served[0].models.version)
