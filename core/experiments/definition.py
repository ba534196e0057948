"""What an experiment is: arms that change how lists are made, and who is to see them.

It is a plain value. A stored definition is never changed: every change is a further version of it, and the arms, their
weights, the unit and the metrics stay what they were, so that nobody is moved to another arm and no figure changes its
meaning while it is counted.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any


class Unit(StrEnum):
    """Who keeps an arm: a user in all visits (a visitor without a name: in this one), or a visit."""

    USER = "user"
    SESSION = "session"


class Method(StrEnum):
    """How arms are compared: each shopper sees one, or both in one list, credited by clicks."""

    AB = "ab"
    TEAM_DRAFT = "team_draft"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True)
class Changes:
    """What an arm does otherwise than the settings. None: as they say."""

    artifact_version: str | None = None
    personalization_weights: tuple[float, float, float, float] | None = None
    personalization_reach: float | None = None
    learned_reranker: bool | None = None
    suggestion_diversity: float | None = None
    beam_width: int | None = None

    @property
    def names(self) -> frozenset[str]:
        """What is changed."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name) is not None)

    def over(self, other: "Changes") -> "Changes":
        """These, and those of `other` that say nothing of the same."""
        return Changes(
            **{
                one.name: getattr(other, one.name) if (own := getattr(self, one.name)) is None else own
                for one in fields(self)
            }
        )


NOTHING_CHANGED = Changes()


@dataclass(frozen=True, slots=True)
class Arm:
    """`weight`: its share of the experiment's units is this by the sum of all."""

    name: str
    weight: float = 1.0
    changes: Changes = NOTHING_CHANGED


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom it is for: visits with one of the values, in each field that has any. Empty: everybody."""

    devices: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    referrers: tuple[str, ...] = ()

    @property
    def everybody(self) -> bool:
        return not (self.devices or self.locations or self.referrers)


@dataclass(frozen=True, slots=True)
class Slice:
    """The part `[start, end)` of a layer's units. Experiments with disjoint slices of one layer share nobody."""

    layer: str = "default"
    start: float = 0.0
    end: float = 1.0

    def overlaps(self, other: "Slice") -> bool:
        """Whether somebody may be in both. Two layers are independent: they always overlap."""
        return self.layer != other.layer or (self.start < other.end and other.start < self.end)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not become worse by more than `tolerance`, relative to the control."""

    metric: str
    tolerance: float


@dataclass(frozen=True, slots=True)
class Experiment:
    """One version of a definition. The first arm is the control."""

    name: str
    arms: tuple[Arm, ...]
    primary_metric: str
    minimum_effect: float  # relative: the least difference that matters
    units_per_arm: int = 10_000  # planned: the always-valid intervals are narrowest there
    version: int = 1
    method: Method = Method.AB
    unit: Unit = Unit.USER
    place: Slice = field(default_factory=Slice)
    traffic: float = 1.0  # share of the slice that takes part; raising it moves nobody
    salt: str = ""  # empty: the name
    audience: Audience = field(default_factory=Audience)
    guardrails: tuple[Guardrail, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None  # exclusive
    overrides: Mapping[str, str] = field(default_factory=dict)  # arm by unit, chosen by hand
    stopped: bool = False
    hypothesis: str = ""

    @property
    def control(self) -> Arm:
        return self.arms[0]

    @property
    def touches(self) -> frozenset[str]:
        """What any of the arms changes."""
        return frozenset[str]().union(*(arm.changes.names for arm in self.arms))

    @property
    def versions(self) -> set[str]:
        """Published versions that its arms name."""
        return {version for arm in self.arms if (version := arm.changes.artifact_version) is not None}

    def runs(self, at: datetime) -> bool:
        """Whether units are assigned at this time."""
        begun = self.starts_at is None or at >= self.starts_at
        return begun and not self.stopped and (self.ends_at is None or at < self.ends_at)

    def arm(self, name: str) -> Arm | None:
        return next((arm for arm in self.arms if arm.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are stored; times in ISO 8601."""
        plain = asdict(self)
        for name in ("starts_at", "ends_at"):
            plain[name] = plain[name].isoformat() if plain[name] is not None else None
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Experiment":
        """Of what `to_dict` gave, through JSON or not. Raises KeyError, TypeError or ValueError for anything else."""
        times = {
            name: datetime.fromisoformat(plain[name]) if plain[name] else None for name in ("starts_at", "ends_at")
        }
        parts = {
            "arms": tuple(_arm(one) for one in plain["arms"]),
            "method": Method(plain["method"]),
            "unit": Unit(plain["unit"]),
            "place": Slice(**plain["place"]),
            "audience": Audience(**{name: tuple(values) for name, values in plain["audience"].items()}),
            "guardrails": tuple(Guardrail(**one) for one in plain["guardrails"]),
        }
        return cls(**{**plain, **times, **parts})


def _arm(plain: Mapping[str, Any]) -> Arm:
    changes = dict(plain["changes"])
    weights = changes.get("personalization_weights")
    changes["personalization_weights"] = tuple(weights) if weights else None
    return Arm(plain["name"], plain["weight"], Changes(**changes))
