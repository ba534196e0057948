"""Whom a list is for, now."""

from dataclasses import dataclass, field

from core.personalization.crowd import Crowd
from core.personalization.profile import Profile
from core.personalization.score import Formula


@dataclass(frozen=True, slots=True)
class Shopper:
    """`profile` and `crowd` are read, never changed. `cohorts`: those of the visit that the crowd knows enough of."""

    profile: Profile
    crowd: Crowd
    now: float  # Unix seconds
    cohorts: tuple[int, ...] = ()
    formula: Formula = field(default_factory=Formula)
    learned: bool = False  # the learnt model ranks, where the served version has one

    @property
    def is_known(self) -> bool:
        """Whether anything tells this shopper from others."""
        return self.profile.says_anything or bool(self.cohorts)
