"""How a completion list is judged on a log: one keystroke of every search, in the order in which they happened.

The protocol of AmazonQAC (Everaert et al. 2024): of each later search one beginning is shown to a system that knows
earlier ones alone, and it counts where among the first ten lines the very text stands that was searched. Texts are
what shoppers wrote, in lower case and with single spaces; nobody's normalisation is applied.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.importing.queries import query_rows, read_queries
from training.evaluation.language_model_report import Difference, paired_difference

LINES = 10  # of a list that count
RESAMPLES = 1_000
BINS = 10  # of predicted probabilities
_SHORTEST_WITH_TYPO = 5  # characters
_LENGTHS = ((1, 3), (4, 6), (7, 10), (11, None))  # characters of a prefix
_NEVER = datetime.min.replace(tzinfo=UTC)
_REPEATED = timedelta(minutes=1)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_EDITS = ("substitution", "insertion", "deletion", "transposition")


@dataclass(frozen=True, slots=True)
class Search:
    """A text as a shopper wrote it, in lower case with single spaces. `at` None: the file has no times."""

    text: str
    at: datetime | None = None
    user: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """A search of which only `prefix` is typed so far."""

    search: Search
    prefix: str


@dataclass(frozen=True, slots=True)
class Bin:
    """Lists whose first line had about the same probability: how probable it was said to be, and how often right."""

    lists: int
    predicted: float
    right: float


def read_searches(path: Path) -> list[Search]:
    """The searches of a file in the order of time; of one without times the distinct texts, shuffled by seed 0.

    Distinct texts have the sum of their counts; those of a judged list, which says nothing about popularity, have 1.
    """
    frame, report = read_queries(path)
    rows = list(query_rows(frame))
    if all(row.occurred_at is not None for row in rows):
        searches = [
            Search(" ".join(row.query.lower().split()), row.occurred_at, row.user_id, row.count) for row in rows
        ]
        return sorted(searches, key=lambda search: search.at or _NEVER)
    counts: Counter[str] = Counter()
    for row in rows:
        counts[" ".join(row.query.lower().split())] += row.count
    distinct = [Search(text, count=1 if report.judged else counts[text]) for text in sorted(counts)]
    random.Random(0).shuffle(distinct)
    return distinct


def trials_of(searches: Sequence[Search], seed: int = 0) -> list[Trial]:
    """One prefix of each text of two characters or more, its length uniform on 1 … len − 1, drawn in their order."""
    generator = random.Random(seed)
    long_enough = [search for search in searches if len(search.text) > 1]
    return [Trial(search, search.text[: generator.randint(1, len(search.text) - 1)]) for search in long_enough]


def mistyped(trials: Sequence[Trial], at_most: int, seed: int = 7) -> list[Trial]:
    """`at_most` of the trials with five characters or more, drawn by seed, each with one random edit."""
    generator = random.Random(seed)
    chosen = [trial for trial in trials if len(trial.prefix) >= _SHORTEST_WITH_TYPO]
    generator.shuffle(chosen)
    return [Trial(trial.search, one_edit(trial.prefix, generator)) for trial in chosen[:at_most]]


def one_edit(text: str, generator: random.Random) -> str:
    """`text`, of two characters or more, with one edit that changes it and leaves the first character as it is.

    Substitution, insertion, deletion or transposition (of two neighbours that differ; else a substitution), each as
    likely as the others: the four of Damerau (1964).
    """
    edit, at = generator.choice(_EDITS), generator.randint(1, len(text) - 1)
    if edit == "transposition":
        places = [place for place in range(1, len(text) - 1) if text[place] != text[place + 1]]
        if places:
            at = generator.choice(places)
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if edit == "insertion":
        at = generator.randint(1, len(text))
        return text[:at] + generator.choice(_LETTERS) + text[at:]
    if edit == "deletion":
        return text[:at] + text[at + 1 :]
    return text[:at] + generator.choice(_LETTERS.replace(text[at], "")) + text[at + 1 :]


def with_history(before: Sequence[Search], trials: Sequence[Trial]) -> tuple[list[int], list[int]]:
    """Which trials are of a user who searched before, in `before` or in an earlier trial; and which of these are new.

    New is what the same user did not search for in the last minute: a log of clicks has a row for each product that
    was opened from one list, and such a row repeats a search that nobody typed again.
    """
    last: dict[tuple[str, str], datetime] = {}
    users, held, new = set[str](), list[int](), list[int]()
    for at, search in enumerate((*before, *(trial.search for trial in trials)), start=-len(before)):
        if search.user is None or search.at is None:
            continue
        if at >= 0 and search.user in users:
            held.append(at)
            if search.at - last.get((search.user, search.text), _NEVER) > _REPEATED:
                new.append(at)
        users.add(search.user)
        last[search.user, search.text] = search.at
    return held, new


def ranks_of(trials: Sequence[Trial], lists: Sequence[Sequence[str]]) -> npt.NDArray[np.int64]:
    """`(N,)`: the place of each trial's text among the first ten lines of its list, from 1; 0 where it is not."""
    ranks = np.zeros(len(trials), np.int64)
    for at, (trial, lines) in enumerate(zip(trials, lists, strict=True)):
        head = list(lines[:LINES])
        ranks[at] = head.index(trial.search.text) + 1 if trial.search.text in head else 0
    return ranks


def success(ranks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`(N,)`: 1 where the text was in the list."""
    return (ranks > 0).astype(np.float64)


def reciprocal(ranks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`(N,)`: 1 / rank, 0 where the text was not in the list."""
    return np.divide(1.0, ranks, out=np.zeros(len(ranks)), where=ranks > 0)


def measures(trials: Sequence[Trial], lists: Sequence[Sequence[str]], known: frozenset[str]) -> dict[str, float]:
    """Success@10 and MRR@10 over all trials, and Success@10 over parts of them; parts that are empty are left out.

    "unique" is the first trial of each text, "unseen" those whose text is not among `known`.
    """
    ranks = ranks_of(trials, lists)
    found = success(ranks)
    texts = [trial.search.text for trial in trials]
    first: dict[str, int] = {}
    for at, text in enumerate(texts):
        first.setdefault(text, at)
    parts = {
        "unique": np.array([first[text] == at for at, text in enumerate(texts)], bool),
        "seen": np.array([text in known for text in texts], bool),
        "unseen": np.array([text not in known for text in texts], bool),
    }
    typed = np.array([len(trial.prefix) for trial in trials])
    for low, high in _LENGTHS:
        parts[f"{low}–{high}" if high else f"{low}+"] = (typed >= low) & (typed <= (high or math.inf))
    sizes = np.array([len(lines) for lines in lists])
    whole = {"Success@10": float(found.mean()), "MRR@10": float(reciprocal(ranks).mean())}
    in_parts = {name: float(found[part].mean()) for name, part in parts.items() if part.any()}
    return whole | in_parts | {"none": float((sizes == 0).mean()), "fewer than 5": float((sizes < 5).mean())}


def difference_by_query(
    texts: Sequence[str], ours: npt.NDArray[np.float64], other: npt.NDArray[np.float64], seed: int = 0
) -> Difference:
    """Mean of ours minus another's over trials, with a 95 % interval that resamples distinct texts with all they have.

    Trials of one text are not independent of each other: a system finds a text or does not.
    """
    index = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    rows = np.array([index[text] for text in texts])
    sums = [np.bincount(rows, values, len(index)).astype(np.float64) for values in (ours, other, np.ones(len(rows)))]
    return paired_difference(sums[0], sums[1], sums[2], RESAMPLES, seed)


SCORES: Mapping[str, Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]] = {
    "Success@10": success,
    "MRR@10": reciprocal,
}


def beside_best(
    trials: Sequence[Trial], lists: Mapping[str, Sequence[Sequence[str]]], ours: Sequence[str], peers: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Of each of `ours`, by measure: its difference from the best of `peers` by that measure, and which that is."""
    texts = [trial.search.text for trial in trials]
    ranks = {name: ranks_of(trials, lists[name]) for name in (*ours, *peers)}
    result: dict[str, dict[str, str]] = {name: {} for name in ours}
    for measure, score in SCORES.items():
        best = max(peers, key=lambda peer: float(score(ranks[peer]).mean()))
        for name in ours:
            gain = difference_by_query(texts, score(ranks[name]), score(ranks[best]))
            result[name][measure] = f"{gain} over {best}"
    return result


def calibration(predicted: Sequence[float], right: Sequence[bool]) -> tuple[list[Bin], float]:
    """Ten bins of equal width, empty ones left out, and the expected calibration error (Guo et al. 2017).

    That is the mean over lists of |predicted − right| of their bin.
    """
    said, were = np.asarray(predicted, np.float64), np.asarray(right, np.float64)
    numbers = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    bins = []
    for number in range(BINS):
        held = numbers == number
        if held.any():
            bins.append(Bin(int(held.sum()), float(said[held].mean()), float(were[held].mean())))
    total = sum(each.lists for each in bins)
    return bins, sum(each.lists * abs(each.predicted - each.right) for each in bins) / max(total, 1)


def alpha_ndcg(listed: Sequence[Hashable | None], pool: Iterable[int], k: int = LINES, alpha: float = 0.5) -> float:
    """α-nDCG@k (Clarke et al. 2008) of a list of categories, each the one subtopic of its line; None gains nothing.

    `pool`: of each category, how many lines there were to choose from. The ideal is the best order of these; since a
    line has one subtopic, it is the pool's largest gains in falling order. 0 where nothing has a category.
    """
    taken: Counter[Hashable] = Counter()
    gained = 0.0
    for rank, category in enumerate(listed[:k], start=1):
        if category is not None:
            gained += (1 - alpha) ** taken[category] / math.log2(rank + 1)
            taken[category] += 1
    possible = sorted(((1 - alpha) ** place for count in pool for place in range(min(count, k))), reverse=True)
    ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(possible[:k], start=1))
    return gained / ideal if ideal else 0.0
