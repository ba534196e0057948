"""How like real traffic a log is: the same measures for both, and the distances between them.

A search is one of a user, a text and a time: a log that has a row for every click says it several times. Lists of
numbers are compared by the Kolmogorov–Smirnov distance, the largest gap between two distribution functions, in [0, 1].
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import OSA
from scipy import stats

from data_generation.world import FloatArray

SESSION_SECONDS = 1_800.0  # of silence end a visit
_FREQUENT = 20  # searches that make a text well known: a rare one beside it may be its slip
_TYPO_CHARS = 5  # of a text that can be told to be a slip of another


@dataclass(frozen=True, slots=True)
class Shape:
    """What a log of searches looks like; arrays are of all searches unless said otherwise."""

    words: FloatArray
    characters: FloatArray
    gaps: FloatArray  # seconds between two searches of one user
    visit_searches: FloatArray  # of each visit
    counts: FloatArray  # of each text, most frequent first
    typo_share: float  # of searches that are one slip away from a well-known text


def searches_of(frame: pl.DataFrame) -> pl.DataFrame:
    """`user_id`, `at`, `query` of the searches in a frame with `user_id`, `timestamp` and `query`, by user and time."""
    text = pl.col("query").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    at = pl.col("timestamp").dt.replace_time_zone(None).cast(pl.Datetime("ms"))
    return (
        frame.select(pl.col("user_id"), at.alias("at"), text.alias("query"))
        .filter(pl.col("query").str.len_chars() > 0)
        .unique()
        .sort("user_id", "at", "query")
    )


def with_visits(searches: pl.DataFrame) -> pl.DataFrame:
    """With `gap` (seconds since the user's search before, null for the first) and `visit` (a number)."""
    gap = pl.col("at").diff().over("user_id").dt.total_milliseconds() / 1e3
    return searches.with_columns(gap=gap).with_columns(
        visit=(pl.col("gap").is_null() | (pl.col("gap") >= SESSION_SECONDS)).cum_sum()
    )


def shape_of(searches: pl.DataFrame, limit: int | None = None, seed: int = 0) -> Shape:
    """The shape of a frame of `searches_of`.

    `limit`: how many searches the curve of frequencies is drawn from, since its slope grows with their number.
    """
    visits = with_visits(searches)
    some = searches if limit is None or limit >= searches.height else searches.sample(limit, seed=seed)
    counts = some["query"].value_counts(sort=True)["count"].to_numpy().astype(np.float64)
    return Shape(
        words=searches["query"].str.count_matches(" ").to_numpy().astype(np.float64) + 1,
        characters=searches["query"].str.len_chars().to_numpy().astype(np.float64),
        gaps=visits["gap"].drop_nulls().to_numpy(),
        visit_searches=visits.group_by("visit").len()["len"].to_numpy().astype(np.float64),
        counts=counts,
        typo_share=_typo_share(some["query"]),
    )


def slope(counts: FloatArray) -> float:
    """Of log frequency over log rank, by least squares over all texts: about −1 where Zipf's law holds."""
    return float(np.polyfit(np.log(np.arange(1, len(counts) + 1)), np.log(counts), 1)[0])


def head_share(counts: FloatArray, texts: int = 100) -> float:
    """Of all searches, how many are of the `texts` most frequent ones."""
    return float(counts[:texts].sum() / counts.sum())


def distance(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Kolmogorov–Smirnov, in [0, 1]; 1 where one of them is empty."""
    if not len(one) or not len(other):
        return 1.0
    with np.errstate(divide="ignore"):  # of the probability of very few values, which is not asked for
        return float(stats.ks_2samp(one, other, method="asymp").statistic)


def repeat_share(purchases: pl.DataFrame) -> float:
    """Of purchases, how many are of a product that the same user has bought before.

    `purchases`: `user_id`, `item_id` and `at`. NaN where there are none.
    """
    number = purchases.sort("at").select(pl.col("item_id").cum_count().over("user_id", "item_id")).to_series()
    return float((number > 1).mean()) if len(number) else float("nan")  # type: ignore[arg-type]


def click_rates(clicks: pl.Series, searches: int, ranks: int = 24) -> FloatArray:
    """Clicks at each 1-based rank by search; those behind the last one count there."""
    counted = np.bincount(np.clip(clicks.drop_nulls().to_numpy(), 0, ranks), minlength=ranks + 1)[1:]
    return np.asarray(counted / max(1, searches))


def _typo_share(queries: pl.Series) -> float:
    """A rare text counts as a slip where one edit leads to a text that is at least `_FREQUENT` times as frequent."""
    counts = queries.value_counts(sort=True)
    known = counts.filter(pl.col("count") >= _FREQUENT)["query"].to_list()
    rare = counts.filter(
        (pl.col("count") < _FREQUENT)
        & (pl.col("query").str.len_chars() >= _TYPO_CHARS)
        & ~pl.col("query").str.contains(r"\d")
    )
    if not known or not rare.height:
        return 0.0
    near = process.cdist(rare["query"].to_list(), known, scorer=OSA.distance, score_cutoff=1, dtype=np.int32)
    often = counts.filter(pl.col("count") >= _FREQUENT)["count"].to_numpy()
    enough = often[None, :] >= _FREQUENT * rare["count"].to_numpy()[:, None]
    slips = rare.filter(pl.Series(((near <= 1) & enough).any(axis=1)))
    return float(slips["count"].sum() / len(queries))
