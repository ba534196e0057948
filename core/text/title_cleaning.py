"""Titles made query-like (CADENCE §4.1.2): segments, units, entropy and NPMI filters by category.

The paper leaves four things open. Each is a switch here; `training/LOG.md` has the measurements behind the defaults.

1. its NPMI has no logarithm in the numerator (`ratio`), the usual one has (`log`);
2. a word's score from those of its pairs: their `mean` or their `max`;
3. which end of the entropy is noise: the paper drops what lies below the category's mean (`low`), although its own
   example of noise, "top selling", is frequent; `spread` drops words that are as common in all categories alike;
4. brands and models are rare, hence dropped, though shoppers type them: `protect` keeps them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.text.titles import JOINERS, title_segments

Segment = tuple[str, ...]

_WINDOW = 2  # skip-grams: neighbours, and neighbours but one
_DISCOUNT = 0.4  # for each word between
_SPREAD = 0.9  # of the largest possible entropy over categories
_SPREAD_TITLES = 50  # seen in fewer titles, a word's spread says nothing
_OPENING_SHARE = 0.75  # a word that opens this share of its titles is taken for a brand
_OPENING_TITLES = 3


@dataclass(frozen=True, slots=True)
class TitleCleaning:
    """Which steps are taken."""

    segments: bool = True  # parentheses and delimiters; off: the raw title
    expand_parentheses: bool = False  # a title per word inside, as in the paper; off: what is inside is left out
    units: bool = False
    entropy: Literal["off", "low", "spread"] = "off"
    npmi: Literal["off", "ratio", "log"] = "off"
    npmi_of_pairs: Literal["mean", "max"] = "max"
    protect: bool = True


def split_titles(titles: Iterable[str], steps: TitleCleaning) -> list[list[Segment]]:
    """Segments of normalised words for each title."""
    return [title_segments(title, steps.segments, steps.expand_parentheses, steps.units) for title in titles]


def filter_words(
    titles: Sequence[Sequence[Segment]], categories: Sequence[int], steps: TitleCleaning, brands: Iterable[str] = ()
) -> list[list[Segment]]:
    """The segments without the words that the filters call noise in the title's category; emptied segments go."""
    if steps.entropy == "off" and steps.npmi == "off":
        return [list(segments) for segments in titles]
    protected = protected_words(titles, brands) if steps.protect else frozenset[str]()
    if steps.entropy != "off":
        rule = low_entropy if steps.entropy == "low" else spread_over_categories
        titles = _without(titles, categories, rule(titles, categories), protected)
    if steps.npmi != "off":
        dropped = low_association(titles, categories, logarithm=steps.npmi == "log", best=steps.npmi_of_pairs == "max")
        titles = _without(titles, categories, dropped, protected)
    return [list(segments) for segments in titles]


def opening_words(titles: Iterable[Sequence[Segment]]) -> frozenset[str]:
    """Words that several titles open with, and that hardly stand anywhere else: mostly makers' names."""
    overall: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    for segments in titles:
        overall.update({word for segment in segments for word in segment})
        if segments:
            opening[segments[0][0]] += 1
    return frozenset(
        word
        for word, count in opening.items()
        if overall[word] >= _OPENING_TITLES and count >= _OPENING_SHARE * overall[word]
    )


def protected_words(titles: Sequence[Sequence[Segment]], brands: Iterable[str] = ()) -> frozenset[str]:
    """Brands (given, or words that nearly always open a title) and models (letters with digits)."""
    given = {word for brand in brands for word in brand.split()}
    words = {word for segments in titles for segment in segments for word in segment}
    models = {word for word in words if any(map(str.isdigit, word)) and any(map(str.isalpha, word))}
    return opening_words(titles) | given | models | JOINERS


def low_entropy(titles: Sequence[Sequence[Segment]], categories: Sequence[int]) -> Mapping[int, frozenset[str]]:
    """The paper's rule: per category, the words below its mean of H(w_j) = −Σ_i p_ji log p_ji / n over n titles."""
    counts: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    sizes = Counter(categories)
    for segments, category in zip(titles, categories, strict=True):
        for word, count in Counter(word for segment in segments for word in segment).items():
            counts[category][word].append(count)
    return {
        category: _below_mean({word: entropy(listed) / sizes[category] for word, listed in words.items()})
        for category, words in counts.items()
    }


def entropy(counts: Sequence[float]) -> float:
    """Shannon entropy in nats of the distribution proportional to `counts`, all positive."""
    total = sum(counts)
    return -sum(count / total * math.log(count / total) for count in counts)


def spread_over_categories(
    titles: Sequence[Sequence[Segment]], categories: Sequence[int]
) -> Mapping[int, frozenset[str]]:
    """The words that all categories use alike: entropy of p(category | word), each category weighing the same."""
    sizes = Counter(categories)
    shares: dict[str, list[float]] = defaultdict(list)
    seen: Counter[str] = Counter()
    inside: dict[int, Counter[str]] = defaultdict(Counter)
    for segments, category in zip(titles, categories, strict=True):
        words = {word for segment in segments for word in segment}
        inside[category].update(words)
        seen.update(words)
    for category, counted in inside.items():
        for word, count in counted.items():
            shares[word].append(count / sizes[category])
    most = _SPREAD * math.log(max(2, len(sizes)))
    noise = frozenset(
        word for word, listed in shares.items() if seen[word] >= _SPREAD_TITLES and entropy(listed) > most
    )
    return dict.fromkeys(sizes, noise)


def low_association(
    titles: Sequence[Sequence[Segment]], categories: Sequence[int], *, logarithm: bool, best: bool
) -> Mapping[int, frozenset[str]]:
    """Per category, the words whose NPMI with their neighbours lies below the category's mean.

    `logarithm`: log(p(xy) / p(x)p(y)) / −log p(xy), the usual measure; otherwise the paper's, without that logarithm.
    `best`: a word scores as its best pair, otherwise as the mean of its pairs.
    """
    pairs: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    singles: dict[int, Counter[str]] = defaultdict(Counter)
    for segments, category in zip(titles, categories, strict=True):
        for segment in segments:
            singles[category].update(segment)
            for distance in range(1, _WINDOW + 1):
                for left, right in zip(segment, segment[distance:], strict=False):
                    pairs[category][left, right] += _DISCOUNT ** (distance - 1)  # type: ignore[assignment]
    combine: Callable[[list[float]], float] = max if best else (lambda scores: sum(scores) / len(scores))
    dropped: dict[int, frozenset[str]] = {}
    for category, counted in pairs.items():
        pair_total, single_total = sum(counted.values()), sum(singles[category].values())
        scores: dict[str, list[float]] = defaultdict(list)
        for (left, right), count in counted.items():
            together = count / pair_total
            ratio = together / (singles[category][left] * singles[category][right] / single_total**2)
            score = (math.log(ratio) if logarithm else ratio) / max(1e-9, -math.log(together))
            scores[left].append(score)
            scores[right].append(score)
        dropped[category] = _below_mean({word: combine(listed) for word, listed in scores.items()})
    return dropped


def _below_mean(scores: Mapping[str, float]) -> frozenset[str]:
    mean = sum(scores.values()) / max(1, len(scores))
    return frozenset(word for word, score in scores.items() if score < mean - 1e-12)


def _without(
    titles: Sequence[Sequence[Segment]],
    categories: Sequence[int],
    dropped: Mapping[int, frozenset[str]],
    protected: frozenset[str],
) -> list[list[Segment]]:
    cleaned: list[list[Segment]] = []
    for segments, category in zip(titles, categories, strict=True):
        noise = dropped.get(category, frozenset())
        kept = [tuple(word for word in segment if word in protected or word not in noise) for segment in segments]
        cleaned.append([segment for segment in kept if segment])
    return cleaned
