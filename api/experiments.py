"""The experiments that run, followed in the background, and what they do to one request.

A request asks once which arms it is in (`Experiments.of`), takes the settings of a list from them (`serving`,
`shopper_in`), and logs those that could have made a difference with the list (`logged`). Nothing of it reads a
database: the draws are hashes, and definitions and models are at hand.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from api.crowd import cohorts_of
from api.rules import Followed
from api.security import Caller
from core.domain import SearchReply, SuggestReply
from core.experiments.assignment import NOBODY, Assigner, Assignment, Placement
from core.experiments.definition import Audience, Changes, Experiment
from database.connection import Database
from database.repositories.experiments import ExperimentRepository, Exposure
from database.repositories.profiles import owner_of

if TYPE_CHECKING:  # these bring numerical libraries along, or are made of this
    from api.state import AppState
    from core.personalization.shopper import Shopper

SHOPPER = frozenset({"personalization_weights", "personalization_reach", "learned_reranker"})
VERSION = frozenset({"artifact_version"})
PRODUCTS = VERSION | SHOPPER  # what changes lists of products
SUGGESTIONS = VERSION | {"personalization_weights", "suggestion_diversity", "beam_width"}


class Resident(Protocol):
    """`api.variants.Variants`, as far as it is asked here."""

    @property
    def versions(self) -> Collection[str]: ...


class Experiments(Followed[tuple[Experiment, ...]]):
    """`current`: the newest version of each, those that are over included."""

    name = "experiments"

    def __init__(self, database: Database, check_seconds: float, resident: Resident, *, enabled: bool) -> None:
        super().__init__(database, check_seconds, ())
        self.enabled = enabled
        self._resident = resident
        self._compiled: tuple[object, Assigner] = (None, Assigner((), ()))

    def of(self, caller: Caller, cohorts: Iterable[int]) -> Assignment:
        """What a request takes part in. `cohorts`: those of its visit (`api.crowd.cohorts_of`)."""
        assigner = self._assigner()
        if not assigner.experiments:
            return NOBODY
        owner = owner_of(caller.user_key, caller.session_key) or ""
        return assigner.assign(owner, caller.session_key, tuple(cohorts), datetime.now(UTC))

    @property
    def wanted_versions(self) -> set[str]:
        """Published versions that an experiment which runs serves beside the current one."""
        now = datetime.now(UTC)
        return set[str]().union(*(one.versions for one in self.current if self.enabled and one.runs(now)))

    def _assigner(self) -> Assigner:
        """Of the experiments whose versions are all here: until then nobody takes part, in none of the arms."""
        versions = self._resident.versions
        state = (self.current, versions)
        if self._compiled[0] != state:
            here = [one for one in self.current if not one.stopped and one.versions <= set(versions) and self.enabled]
            self._compiled = (state, Assigner(here, [_meant(one.audience) for one in here]))
        return self._compiled[1]

    async def _mark(self, session: AsyncSession) -> int:
        return await ExperimentRepository(session).mark()

    async def _read(self, session: AsyncSession) -> tuple[Experiment, ...]:
        return tuple(Experiment.from_dict(row.definition) for row in await ExperimentRepository(session).newest())


def _meant(audience: Audience) -> list[frozenset[int]]:
    asked = [
        [cohorts_of(device, None, None) for device in audience.devices],
        [cohorts_of(None, location, None) for location in audience.locations],
        [cohorts_of(None, None, referrer) for referrer in audience.referrers],
    ]
    return [frozenset(key for keys in values for key in keys) for values in asked if values]


def assigned(state: "AppState", caller: Caller, *, known: bool) -> Assignment:
    """What a request takes part in. Who names neither a session nor a user, or opted out, has no arm to keep."""
    if not (known or caller.user_key) or not caller.is_known:
        return NOBODY
    return state.experiments.of(caller, state.shoppers.cohorts_at_hand(caller.session_key) or ())


def suggestion_changes(reply: SuggestReply, shopper: "Shopper | None") -> frozenset[str]:
    """What could have made a difference to a list of suggestions for a prefix.

    The same in every arm: the first source that wants the models does so before any arm can make a difference, and
    whether they were in time, which a wider beam changes, is not asked.
    """
    possible = VERSION
    if len(reply.suggestions) > 1:
        possible |= {"suggestion_diversity"}
    if reply.asks_models:
        possible |= {"beam_width"}
    if shopper is not None and shopper.is_known:
        possible |= {"personalization_weights"}
    return possible


def search_changes(reply: SearchReply) -> frozenset[str]:
    """What could have made a difference to a list of products: the ranking for the shopper, where there was one."""
    return PRODUCTS if reply.personalized else VERSION


def shopper_in(shopper: "Shopper | None", changes: Changes) -> "Shopper | None":
    """The shopper whose lists are ranked as an arm says."""
    if shopper is None or not changes.names & SHOPPER:
        return shopper
    formula: dict[str, Any] = {}
    if changes.personalization_weights is not None:
        formula["weights"] = changes.personalization_weights
    if changes.personalization_reach is not None:
        formula["reach"] = changes.personalization_reach
    learned = shopper.learned if changes.learned_reranker is None else changes.learned_reranker
    return replace(shopper, formula=replace(shopper.formula, **formula), learned=learned)


@dataclass(frozen=True, slots=True)
class Logged:
    """How a list's experiments go into its log: `database.repositories.lists.ListLog`."""

    experiments: str | None = None
    exposures: tuple[Exposure, ...] = ()


NOT_SHAPED = Logged()


def logged(
    assignment: Assignment,
    possible: frozenset[str],
    caller: Caller,
    request_id: str,
    at: datetime,
    *,
    interleaved: bool = False,
) -> Logged:
    """Of a list where only what is `possible` could have made a difference (names of `Changes`).

    `interleaved`: it is of two arms whose lists differ; otherwise an experiment that interleaves had no part in it.
    """
    shaped = [one for one in assignment.shaped(possible) if interleaved or one.arm is not None]
    if not shaped:
        return NOT_SHAPED
    named: Mapping[str, str] = {one.experiment.name: one.name for one in shaped if not one.by_hand}
    text = json.dumps(named, sort_keys=True, separators=(",", ":")) if named else None
    return Logged(text, tuple(_exposure(one, caller, request_id, at) for one in shaped))


def _exposure(placement: Placement, caller: Caller, request_id: str, at: datetime) -> Exposure:
    return Exposure(
        experiment=placement.experiment.name,
        unit=placement.unit,
        arm=placement.name,
        version=placement.experiment.version,
        request_id=request_id,
        session_id=caller.session_key,
        user_key=caller.user_key,
        chosen_by_hand=placement.by_hand,
        exposed_at=at,
    )
