"""One score for what all sources found: the probability of being the query that the shopper is typing.

A log-linear model over a few features of a candidate. Its features are computed here and nowhere else, for training and
for serving. The first one is the joint distribution of `core.services.sources.contract`, so that with weights
(1, 0, 0, …) the model is that distribution; the others say how what shoppers type departs from it. Probabilities are
those among the candidates: what no source found has no share.

The session's features know what the shopper searched before. They are added after the cache (`in_session`), since the
rest is the same for everybody.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from operator import mul

from core.domain import PreviousQuery
from core.services.sources.contract import Candidate, Match, Pool

FEATURES = (
    "log_mass",  # log p(text | typed), the joint distribution
    "seen",  # 1: shoppers completed it
    "log_seen",  # log(1 + how often)
    "log_generated",  # log p of the models, where nobody completed it
    "same",  # 1: it is what was typed
    "log_rest",  # log(1 + characters still to be typed)
    "rest_words",  # words that begin after what was typed
    "next_word",  # 1: what was typed ends with a whole word of it
    "words",  # 1: it holds the words in another order or place
    "corrected",  # 1: it begins with a correction of what was typed
)
SESSION_FEATURES = (
    "last",  # 1: the shopper's last query
    "earlier",  # 1: an earlier one
    "fresh",  # halves every hour since the shopper's own search for it
    "shared_words",  # share of its words beyond the typed ones that the earlier queries hold
)
_NO_MASS = 1e-9
_NOT_GENERATED = 1e-4
_HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Blend:
    """`evidence`: completions that the models' word is worth; the weights of `FEATURES` and of `SESSION_FEATURES`.

    The defaults are rounded from fits on one public log (training/LOG.md). A shop's own are fitted from there, all but
    the session's.
    """

    evidence: float = 8.0
    weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "log_mass": 0.75, "seen": 0.8, "log_seen": 0.05, "log_generated": 0.2, "same": -2.6, "log_rest": -0.6,
            "rest_words": -0.15, "next_word": 0.6, "words": -0.5, "corrected": 0.0,
        }
    )  # fmt: skip
    session_weights: Mapping[str, float] = field(
        default_factory=lambda: {"last": 1.9, "earlier": 0.0, "fresh": 3.0, "shared_words": 0.4}
    )

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, object]) -> "Blend":
        """The inverse of `as_dict`. KeyError for a missing weight, ValueError for one that is no number."""
        weights, session = raw["weights"], raw["session_weights"]
        if not isinstance(weights, Mapping) or not isinstance(session, Mapping):
            raise ValueError("weights must be named")
        return cls(
            float(str(raw["evidence"])),
            {name: float(weights[name]) for name in FEATURES},
            {name: float(session[name]) for name in SESSION_FEATURES},
        )

    def log_scores(self, candidates: Iterable[Candidate], pool: Pool, typed: str) -> list[float]:
        """Unnormalised log probabilities of the candidates, in their order."""
        weights = [self.weights[name] for name in FEATURES]
        return [sum(map(mul, weights, features(candidate, pool, typed))) for candidate in candidates]

    def in_session(self, texts: Iterable[str], typed_words: int, session: "Session") -> list[float]:
        """What the session adds to the log score of each text."""
        weights = [self.session_weights[name] for name in SESSION_FEATURES]
        return [float(sum(map(mul, weights, session_features(text, typed_words, session)))) for text in texts]


def features(candidate: Candidate, pool: Pool, typed: str) -> tuple[float, ...]:
    """`FEATURES` of one candidate, in their order."""
    text, seen = candidate.text, candidate.weight > 0
    rest = text[len(candidate.matched) :] if candidate.match is not Match.WORDS else text
    return (
        math.log(pool.mass(candidate) + _NO_MASS),
        float(seen),
        math.log1p(candidate.weight),
        0.0 if seen else math.log(candidate.generated + _NOT_GENERATED),
        float(text == typed.rstrip()),
        math.log1p(len(rest)),
        float(rest.count(" ")),
        float(rest.startswith(" ")),
        float(candidate.match is Match.WORDS),
        float(candidate.match >= Match.NEAR),
    )


@dataclass(frozen=True, slots=True)
class Session:
    """A shopper's previous queries, newest first, as seen from `now`."""

    ages: Mapping[str, float]  # text → seconds since it was completed
    last: str
    words: frozenset[str]

    @classmethod
    def of(cls, previous: Sequence[PreviousQuery], now: datetime) -> "Session | None":
        """None where there was no query before."""
        if not previous:
            return None
        ages = {query.text: max(0.0, (now - query.at).total_seconds()) for query in reversed(previous)}
        return cls(ages, previous[0].text, frozenset(word for text in ages for word in text.split()))


def session_features(text: str, typed_words: int, session: Session) -> tuple[float, ...]:
    """`SESSION_FEATURES` of a text of which `typed_words` whole words are typed, in their order."""
    age = session.ages.get(text)
    added = text.split()[typed_words:]
    shared = 0.0
    if not session.words.isdisjoint(added):
        shared = sum(word in session.words for word in added) / len(added)
    return (
        float(text == session.last),
        float(age is not None and text != session.last),
        0.0 if age is None else 2.0 ** (-age / _HOUR),
        shared,
    )


def probabilities(log_scores: Sequence[float]) -> list[float]:
    """Softmax."""
    if not log_scores:
        return []
    best = max(log_scores)
    shares = [math.exp(score - best) for score in log_scores]
    total = sum(shares)
    return [share / total for share in shares]
