"""Who is in which arm: salted hashes of the unit, so that every replica says the same without keeping anything.

Three independent draws in [0, 1) decide (Kohavi, Tang, Xu 2020, chapter 4: layers; chapter 15: ramping):

    the layer's     whether the unit lies in the experiment's slice, the same draw for all experiments of the layer
    the traffic's   whether it takes part; a larger share adds units and moves none
    the arm's       which arm, by the weights
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate

from core.experiments.definition import NOTHING_CHANGED, Arm, Changes, Experiment, Method, Unit

INTERLEAVED = "interleaved"  # stands for the arm of a unit that sees both
_SESSION = "s:"


def draw(*words: str) -> float:
    """Uniform in [0, 1) for a sequence of words, the same everywhere and always."""
    digest = blake2b("\x1f".join(words).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2.0**53


@dataclass(frozen=True, slots=True)
class Placement:
    """A unit in an experiment. `arm` is None where it sees both, interleaved."""

    experiment: Experiment
    unit: str
    arm: Arm | None
    by_hand: bool = False

    @property
    def name(self) -> str:
        return INTERLEAVED if self.arm is None else self.arm.name


@dataclass(frozen=True)
class Assignment:
    """All that one request takes part in. No two placements change the same thing: the service refuses that."""

    placements: tuple[Placement, ...] = ()

    @cached_property
    def changes(self) -> Changes:
        """What is done otherwise than the settings say, interleaved lists aside."""
        changes = NOTHING_CHANGED
        for placement in self.placements:
            if placement.arm is not None:
                changes = placement.arm.changes.over(changes)
        return changes

    @cached_property
    def interleaving(self) -> Placement | None:
        """The one experiment that asks for both lists."""
        return next((one for one in self.placements if one.arm is None), None)

    @property
    def arms(self) -> dict[str, str]:
        """By experiment."""
        return {one.experiment.name: one.name for one in self.placements}

    def shaped(self, possible: frozenset[str]) -> tuple[Placement, ...]:
        """Those whose arms could have made a difference, where only what is `possible` could have."""
        return tuple(one for one in self.placements if one.experiment.touches & possible)


NOBODY = Assignment()


class Assigner:
    """The experiments that are not over, compiled. `audience` of a request: the cohorts of its visit."""

    def __init__(self, experiments: Sequence[Experiment], cohorts: Sequence[Sequence[frozenset[int]]]) -> None:
        """`cohorts`: of each experiment, for each field of its audience that names any, those that are meant."""
        self.experiments = tuple(experiments)
        self._compiled = [
            (one, one.salt or one.name, [*accumulate(arm.weight for arm in one.arms)], tuple(meant))
            for one, meant in zip(experiments, cohorts, strict=True)
        ]

    def assign(self, owner: str, session_id: str, cohorts: Sequence[int], now: datetime) -> Assignment:
        """What takes part at `now`: `owner` is a user or, without one, the session (`u:…`, `s:…`)."""
        placements = []
        for experiment, salt, bounds, meant in self._compiled:
            if not experiment.runs(now):
                continue
            session = _SESSION + session_id
            unit = owner if experiment.unit is Unit.USER else session
            chosen = experiment.overrides.get(session) or experiment.overrides.get(owner)
            if chosen is not None:
                placements.append(Placement(experiment, unit, experiment.arm(chosen), by_hand=True))
                continue
            if not all(values.intersection(cohorts) for values in meant):
                continue
            place = experiment.place
            if not place.start <= draw(place.layer, "layer", unit) < place.end:
                continue
            if draw(salt, "traffic", unit) >= experiment.traffic:
                continue
            if experiment.method is not Method.AB:
                placements.append(Placement(experiment, unit, None))
                continue
            at = draw(salt, "arm", unit) * bounds[-1]
            within = (arm for arm, bound in zip(experiment.arms, bounds, strict=True) if at < bound)
            arm = next(within, experiment.arms[-1])  # the product may round up to the whole
            placements.append(Placement(experiment, unit, arm))
        return Assignment(tuple(placements)) if placements else NOBODY
