"""The log as `core.experiments.replay` reads it: first pages of ten in which chance swapped places."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import ExperimentDataError
from core.experiments.position_bias import harvest
from core.experiments.replay import (
    BoolArray,
    IntArray,
    LoggedLists,
    Replay,
    by_examination,
    by_place,
    doubly_robust,
    inverse_propensity,
    jackknife,
    leave_out,
    self_normalised,
)
from core.experiments.reward_model import fit_appeal, score_bins
from core.experiments.swapping import marginals
from core.services.exploration import SWAPPED
from database.repositories.taste_lists import TasteList

FloatArray = npt.NDArray[np.float64]
Final = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Features `(R, F)` of one list → what taste says of each product, `(R,)` in [0, 1]."""

LEAST_LISTS = 500
CLIP = 50.0


@dataclass(frozen=True, slots=True)
class Ranker:
    """`reach · final` is what taste adds."""

    final: Final
    reach: float


@dataclass(frozen=True, slots=True)
class ReplayLog:
    """L lists of ten, N = 10 L products; `share`: of lists in which chance swaps, as their propensities say."""

    log: LoggedLists
    natural: IntArray  # (N,) from 1, before the lot
    base: FloatArray  # (N,) the score without taste
    features: npt.NDArray[np.float32]  # (N, F)
    share: float

    def target(self, ranker: Ranker) -> IntArray:
        """The place from 1 at which `ranker` has each of the ten that were shown, `(N,)`."""
        places = np.empty(len(self.natural), np.int64)
        for start in range(0, len(places), SWAPPED):
            span = slice(start, start + SWAPPED)
            score = self.base[span] + ranker.reach * ranker.final(self.features[span])
            places[span][np.lexsort((self.natural[span], -score))] = np.arange(1, SWAPPED + 1)
        return places


def replay_log(lists: Iterable[TasteList], ordered_by: Mapping[str, Ranker]) -> ReplayLog:
    """Of the `lists` that say what chance did, those whose arm was `ordered_by` something that is known.

    Raises ExperimentDataError for too few of them, and where chance had different shares.
    """
    position, propensity, clicks, natural, base, features, shares = [], [], [], [], [], [], set[float]()
    for one in lists:
        ranker = ordered_by.get(one.arm)
        if ranker is None or one.propensity is None or one.natural is None or one.ranks[:SWAPPED].tolist() != _RANKS:
            continue
        first = slice(0, SWAPPED)
        stayed = one.natural[first] == one.ranks[first]
        shares.add(round(float((1 - one.propensity[first][stayed][0]) * SWAPPED / 2), 3) if stayed.any() else 0.0)
        position.append(one.ranks[first])
        propensity.append(one.propensity[first])
        clicks.append(one.liked[first] > 0)
        natural.append(one.natural[first])
        base.append(one.scores[first] - ranker.reach * ranker.final(one.features[first]))
        features.append(one.features[first])
    if len(position) < LEAST_LISTS:
        raise ExperimentDataError(
            f"{len(position):,} searches of known shoppers say what chance did, {LEAST_LISTS} are needed: "
            "set EXPLORATION_SWAPS and wait"
        )
    if len(shares) > 1:
        found = ", ".join(f"{share:g}" for share in sorted(shares))
        raise ExperimentDataError(
            f"EXPLORATION_SWAPS was {found} within these lists: read fewer of the latest (--lists)"
        )
    log = LoggedLists(
        np.repeat(np.arange(len(position)), SWAPPED),
        np.concatenate(position).astype(np.int64),
        np.concatenate(propensity).astype(np.float64),
        np.concatenate(clicks).astype(np.float64),
    )
    return ReplayLog(
        log,
        np.concatenate(natural).astype(np.int64),
        np.concatenate(base).astype(np.float64),
        np.concatenate(features),
        shares.pop(),
    )


_RANKS = list(range(1, SWAPPED + 1))


@dataclass(frozen=True, slots=True)
class _Part:
    """The log, or what is left of it without a fold, with the examination harvested from it."""

    log: LoggedLists
    kept: BoolArray
    examination: FloatArray
    exposure: FloatArray


def valued(replayed: ReplayLog, target: IntArray) -> dict[str, Replay]:
    """Clicks per list of the logging ranker and of the target one, by estimator, and the difference."""
    whole = np.ones(len(replayed.natural), np.bool_)
    parts = [_part(replayed, kept) for kept in (whole, *leave_out(replayed.log))]
    bins = score_bins(replayed.base)

    def normalised(part: _Part, places: IntArray) -> Replay:
        return self_normalised(part.log, by_examination(part.log, places[part.kept], part.examination, part.exposure))

    def robust(part: _Part) -> Replay:
        places = target[part.kept]
        weights = by_examination(part.log, places, part.examination, part.exposure)
        return doubly_robust(part.log, weights, *fit_appeal(part.log, bins[part.kept], places, part.examination))

    def knifed(estimate: Callable[[_Part], float], full: Replay) -> Replay:
        return jackknife(full, [estimate(part) for part in parts[1:]])

    def gain(part: _Part) -> float:
        return normalised(part, target).value - normalised(part, replayed.natural).value

    logger, exact = normalised(parts[0], replayed.natural), by_place(replayed.log, target)
    difference = Replay(gain(parts[0]), 0.0, 0.0, normalised(parts[0], target).effective_size)
    return {
        "the logging ranker": knifed(lambda part: normalised(part, replayed.natural).value, logger),
        "SNIPS, by examination": knifed(lambda part: normalised(part, target).value, normalised(parts[0], target)),
        "doubly robust, by examination": knifed(lambda part: robust(part).value, robust(parts[0])),
        "SNIPS, by place": self_normalised(replayed.log, exact),
        "IPS, by place": inverse_propensity(replayed.log, exact),
        "clipped IPS, by place": inverse_propensity(replayed.log, exact, CLIP),
        "difference (SNIPS, by examination)": knifed(gain, difference),
    }


def _part(replayed: ReplayLog, kept: BoolArray) -> _Part:
    log, natural = replayed.log.only(kept), replayed.natural[kept]
    examination = harvest(natural, log.position, log.clicks).examination
    exposure = (marginals(SWAPPED, replayed.share) @ examination)[natural - 1]
    return _Part(log, kept, examination, exposure)
