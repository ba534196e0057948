"""Names of clusters that say what kind of product they hold: "Ceiling Fans", not "Brushed Nickel".

English titles and queries put the kind last: before "with", "for" and the like, or before the first delimiter. So the
candidates are what these heads end with, one to three words. A candidate counts by the share of the cluster's titles
(and queries, which shoppers write more plainly) that end with it or hold it, and by how few titles outside do
(class-based TF-IDF). Brands (words that mostly open titles), sizes, colours, materials and praise name nothing alone.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import inflect

from core.categories.name_words import ACRONYMS, CUTS, SIDES, WEAK
from core.text.normalize import normalize
from core.text.singular import PLURAL_ONLY, Singulars
from core.text.titles import JOINERS

Words = tuple[str, ...]

_DELIMITER = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?|[|;…]|\.{3,}|,\s|\s[-–—:/]\s")
_LONGEST = 3
_BRAND_SHARE, _BRAND_PAIR_SHARE = 0.75, 0.9  # of a word's uses that open a title; of its uses in the first two words
_HEAD_SHARE = 0.2  # of a word's uses in which a head ends with it; less, and it describes something else
_ASKED_HEAD_SHARE, _ENOUGH_USES = 0.35, 5  # the same for queries, where a word is in this many
_QUERY_SHARE = 0.5  # of the evidence that queries give, where a cluster has ten or more; with fewer, in proportion
_ENOUGH_QUERIES = 10.0
_INSIDE = 0.3  # of a title that holds the candidate elsewhere, beside one that ends with it
_LENGTH_BONUS = (1.0, 1.6, 1.7)  # more words say more than fewer of like score
_FEW_TITLES, _FEW_QUERIES = 0.03, 3.0  # share of titles, or weight of queries, that a candidate needs
_HALF = 0.5  # of a phrase's uses with a side before it, from which it is half a phrase
_ALONE = 0.3  # share of heads from which one candidate names the whole cluster
_PLURAL_SHARE = 0.002  # of a word's uses, from which its plural counts as known
_SECOND = 0.5  # of the first candidate's score, from which a second one joins it,
_SECOND_COVERS = 0.1  # where this share of the titles hold it


def name_clusters(
    titles: Sequence[Sequence[Sequence[str]]],
    labels: Sequence[int],
    count: int,
    queries: Iterable[tuple[Sequence[str], int, float]] = (),
) -> list[str]:
    """One distinct name for each of `count` clusters.

    `titles` are lists of segments of words, with a cluster each; `queries` are words, cluster and weight.
    """
    forms: Counter[str] = Counter(word for segments in titles for segment in segments for word in segment)
    asked = [(tuple(words), cluster, weight) for words, cluster, weight in queries if words]
    forms.update(word for words, _, _ in asked for word in words)
    singulars = Singulars(forms)
    evidence = _Evidence(titles, labels, count, asked, singulars)
    ranked = [evidence.ranked(cluster) for cluster in range(count)]
    plurals = _Plurals(forms)
    names: list[str] = [""] * count
    taken: set[str] = set()
    # The surest cluster chooses first where two want one name.
    for cluster in sorted(
        range(count), key=lambda cluster: (-ranked[cluster][0][1] if ranked[cluster] else 0, cluster)
    ):
        names[cluster] = _pick(ranked[cluster], evidence.covers(cluster), taken, plurals, cluster)
        taken.add(names[cluster])
    return names


def segments_of(title: str) -> list[Words]:
    """Words of a raw title between parentheses and delimiters, none cut: a long one has the kind at its end."""
    return [words for part in _DELIMITER.split(title) if (words := tuple(normalize(part).split()))]


def head_of(words: Sequence[str]) -> Words:
    """What stands before the first word that starts a description, without sizes and colours at its end."""
    starts = (
        i for i, word in enumerate(words) if i and word in CUTS and not words[i - 1][0].isdigit()
    )  # 8 in = inches
    end = next(starts, len(words))
    while end > 1 and (words[end - 1] in WEAK or words[end - 1] in JOINERS or not words[end - 1][0].isalpha()):
        end -= 1
    return tuple(words[:end])


class _Evidence:
    """What titles and queries end with and hold, by cluster and overall, in the singular."""

    def __init__(
        self,
        titles: Sequence[Sequence[Sequence[str]]],
        labels: Sequence[int],
        count: int,
        queries: Sequence[tuple[Words, int, float]],
        singulars: Singulars,
    ) -> None:
        self._ends: list[Counter[Words]] = [Counter() for _ in range(count)]
        self._holds: list[Counter[Words]] = [Counter() for _ in range(count)]
        self._asked: list[dict[Words, float]] = [defaultdict(float) for _ in range(count)]
        self._asked_overall: defaultdict[Words, float] = defaultdict(float)
        self._sizes = Counter(labels)
        self._query_weight: defaultdict[int, float] = defaultdict(float)
        self._overall: Counter[Words] = Counter()
        self._total = len(labels)
        sided: Counter[Words] = Counter()  # heads' ends with a side before them
        ends: Counter[Words] = Counter()
        ending: Counter[str] = Counter()
        opening: Counter[str] = Counter()
        opening_pair: Counter[str] = Counter()
        held: Counter[str] = Counter()
        for segments, label in zip(titles, labels, strict=True):
            plain = [tuple(map(singulars.of, segment)) for segment in segments]
            if not plain:
                continue
            opening[plain[0][0]] += 1
            opening_pair.update(set(plain[0][:2]))
            heads = [head_of(segment) for segment in plain[:2]]
            ending.update({head[-1] for head in heads})
            held.update({word for segment in plain for word in segment})
            suffixes = _suffixes(heads[0])
            self._ends[label].update(suffixes)
            ends.update(suffixes)
            sided.update(
                suffix for suffix in suffixes if len(suffix) < len(heads[0]) and heads[0][-len(suffix) - 1] in SIDES
            )
            holds = {gram for segment in plain for gram in _grams(segment)}
            self._holds[label].update(holds)
            self._overall.update(holds)
        asked_ending: Counter[str] = Counter()
        asked_held: Counter[str] = Counter()
        for words, label, weight in queries:
            head = head_of(tuple(map(singulars.of, words)))
            asked_ending[head[-1]] += 1
            asked_held.update(set(map(singulars.of, words)))
            self._query_weight[label] += weight
            for suffix in _suffixes(head):
                self._asked[label][suffix] += weight
                self._asked_overall[suffix] += weight
        self._halves = {gram for gram, times in sided.items() if len(gram) > 1 and times >= _HALF * ends[gram]}
        self._brands = {word for word, times in opening.items() if times >= _BRAND_SHARE * held[word]}
        self._brands |= {
            word for word, times in opening_pair.items() if times >= max(_ENOUGH_USES, _BRAND_PAIR_SHARE * held[word])
        }
        self._describing = {word for word, uses in held.items() if ending[word] < _HEAD_SHARE * uses}
        self._describing |= {
            word
            for word, uses in asked_held.items()
            if uses >= _ENOUGH_USES and asked_ending[word] < _ASKED_HEAD_SHARE * uses
        }

    def ranked(self, cluster: int) -> list[tuple[Words, float]]:
        """The best candidates with their scores, best first; any word at all where none names a kind."""
        known = [
            gram
            for gram in {*self._ends[cluster], *self._asked[cluster]}
            if self._known(gram, cluster) and self._names_a_kind(gram)
        ]
        candidates = known or [gram for gram in self._holds[cluster] if gram[0][0].isalpha()]
        scored = [(gram, self._score(gram, cluster)) for gram in candidates]
        return sorted(scored, key=lambda entry: (-entry[1], entry[0]))[:40]

    def covers(self, cluster: int) -> "Counter[Words]":
        """Share of the cluster's titles that hold a candidate."""
        size = max(1, self._sizes[cluster])
        return Counter({gram: held / size for gram, held in self._holds[cluster].items()})

    def _score(self, gram: Words, cluster: int) -> float:
        size, asked = max(1, self._sizes[cluster]), self._query_weight[cluster]
        inside = self._holds[cluster][gram]
        titles = ((1 - _INSIDE) * self._ends[cluster][gram] + _INSIDE * inside) / size
        trust = _QUERY_SHARE * min(1.0, asked / _ENOUGH_QUERIES)
        share = (1 - trust) * titles + (trust * self._asked[cluster][gram] / asked if asked else 0)
        overall = self._overall[gram] + self._asked_overall[gram]
        purity = (inside + self._asked[cluster][gram]) / overall
        rarity = math.log(1 + self._total / overall)
        return share * math.sqrt(rarity) * (0.3 + purity) * _LENGTH_BONUS[len(gram) - 1]

    def _known(self, gram: Words, cluster: int) -> bool:
        """Whether more than a slip of one shopper or one title stands behind it."""
        titles = self._holds[cluster][gram] >= _FEW_TITLES * self._sizes[cluster]
        return titles or self._asked[cluster].get(gram, 0) >= _FEW_QUERIES

    def _names_a_kind(self, gram: Words) -> bool:
        last = gram[-1]
        if last in self._describing or last in WEAK or gram in self._halves:
            return False
        if any(word in CUTS or word in self._brands for word in gram) or gram[0] in JOINERS:
            return False
        return last not in JOINERS and all(len(word) > 1 and word.replace("-", "").isalpha() for word in gram)


def _suffixes(head: Words) -> list[Words]:
    return [head[start:] for start in range(max(0, len(head) - _LONGEST), len(head))]


def _grams(words: Words) -> list[Words]:
    return [
        words[start:end]
        for start in range(len(words))
        for end in range(start + 1, min(len(words), start + _LONGEST) + 1)
    ]


class _Plurals:
    """The plural of a name's last word, where the shop writes it too."""

    def __init__(self, forms: Counter[str]) -> None:
        self._forms, self._inflect = forms, inflect.engine()

    def title(self, words: Words) -> str:
        """`words` as a heading."""
        last = words[-1]
        plural = str(self._inflect.plural_noun(last)) if last not in PLURAL_ONLY else last
        if self._forms[plural] < max(1, _PLURAL_SHARE * self._forms[last]):
            plural = last
        return " ".join(_capital(word) for word in (*words[:-1], plural))


def _capital(word: str) -> str:
    if word in JOINERS:
        return word
    return word.upper() if word in ACRONYMS else "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def _pick(
    ranked: Sequence[tuple[Words, float]], covers: "Counter[Words]", taken: set[str], plurals: _Plurals, cluster: int
) -> str:
    """The best candidate, with a second of another kind where one alone names too little of the cluster."""
    for index, (words, score) in enumerate(ranked[:8]):
        name = plurals.title(words)
        rivals = [
            (other, worth)
            for other, worth in ranked[index + 1 :]
            if covers[other] >= _SECOND_COVERS and words[-1] not in other and other[-1] not in words
        ]
        weak = covers[words] < _ALONE and bool(rivals) and rivals[0][1] >= _SECOND * score
        if name not in taken and not weak:
            return name
        for other, _ in rivals[:1] if weak else ():
            longer = f"{name} & {plurals.title(other)}"
            if longer not in taken:
                return longer
    return f"Category {cluster + 1}"
