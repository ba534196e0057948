"""What a source of suggestions is asked, and the pool into which it puts what it finds.

A source is one small class with a `name`, whether it `generates`, and two methods: `wanted(keystroke, pool)` says
whether its work can still change the list, and `add(keystroke, pool)` does it. Sources are asked one after the other,
the cheap and certain ones first, so that each sees what is there already.

The pool is a joint distribution in the making. Shoppers completed `matched + anything` so often in the log; what was
typed is `matched` itself, or a slip of the hand away from it, which has a probability e^−cost. What the models generate
counts as `evidence` further completions, shared out by their probabilities:

    p(text | typed) = e^−cost (weight + evidence · generated) / Σ of the same over everything that may be meant
"""

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from core.domain import Source
from core.services.typed import Typed


class Match(IntEnum):
    """How a text stands to what was typed; the first of two ways counts."""

    LITERAL = 0  # it begins so
    WORDS = 1  # it holds the typed words, in any order
    NEAR = 2  # it begins with what is one edit away
    SPELLING = 3  # it begins with what was meant, word by word


@dataclass(frozen=True, slots=True)
class Keystroke:
    """`limit` suggestions are asked for, by `deadline` of `time.perf_counter()`; `allowed`: only these categories.

    `beam_width`: hypotheses of the models' search, None for the usual number.
    """

    typed: Typed
    limit: int
    allowed: frozenset[int] | None
    deadline: float
    beam_width: int | None = None


@dataclass(slots=True)
class Candidate:
    """A suggestion in the making."""

    text: str
    source: Source  # the first that named it
    match: Match
    matched: str  # the beginning of `text` that what was typed stands for; for WORDS: what was typed
    cost: float = 0.0  # −log p(typed | matched), in nats
    weight: float = 0.0  # how often it was completed, recent ones counting more
    generated: float = 0.0  # p(text | matched), the models' mixture
    category: int | None = None
    product_count: int | None = None
    parts: dict[str, float] = field(default_factory=dict)  # completions, or their equivalent, that each source gave


@dataclass(slots=True)
class Pool:
    """Candidates by text. `seen`: completions that the log has of everything that may be meant, each times e^−cost."""

    evidence: float  # completions that the models' word is worth
    seen: float = 0.0
    candidates: dict[str, Candidate] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)  # sources left out because the time was up

    def add(
        self,
        text: str,
        source: Source,
        match: Match,
        matched: str,
        *,
        cost: float = 0.0,
        weight: float = 0.0,
        generated: float = 0.0,
        category: int | None = None,
        product_count: int | None = None,
    ) -> None:
        """What one source knows about a text. Ways to it that are less direct than a known one tell nothing new."""
        candidate = self.candidates.get(text)
        if candidate is None:
            candidate = self.candidates[text] = Candidate(text, source, match, matched, cost, category=category)
        elif (match, cost) > (candidate.match, candidate.cost):
            return
        candidate.weight += weight
        candidate.generated += generated
        if candidate.product_count is None:
            candidate.product_count = product_count
        part = math.exp(-cost) * (weight + self.evidence * generated)
        candidate.parts[source.value] = candidate.parts.get(source.value, 0.0) + part

    def mass(self, candidate: Candidate) -> float:
        """p(text | typed) as in the module's docstring."""
        joint = math.exp(-candidate.cost) * (candidate.weight + self.evidence * candidate.generated)
        return joint / (self.seen + self.evidence)

    def last_weight(self, limit: int) -> float:
        """Completions of the `limit`-th literal candidate: what a further one must have to change the list."""
        if len(self.candidates) < limit:
            return 0.0
        weights = sorted((one.weight for one in self.candidates.values() if one.match is Match.LITERAL), reverse=True)
        return weights[limit - 1] if len(weights) >= limit else 0.0


class CandidateSource(Protocol):
    """One source. Thread-safe."""

    @property
    def name(self) -> str: ...

    @property
    def generates(self) -> bool:
        """Whether it asks the models, which takes milliseconds rather than a fraction of one."""

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool: ...

    def add(self, keystroke: Keystroke, pool: Pool) -> None: ...
