"""The products of a shop as search sees them: one row each, in every array.

The result set of a query is defined here, once, so that totals, facets and paging mean something: the products that
hold every part of it lexically (where fewer than `ENOUGH` do, half as much of it by idf as any does), and the nearest
in meaning above a similarity floor. Where neither finds any, the few nearest there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

from core.domain import Product
from core.retrieval.adapter import Adapter
from core.retrieval.columns import ProductColumns
from core.retrieval.dense import CodeArray, DenseIndex, largest
from core.retrieval.lexical import Asked, LexicalIndex, plain
from core.retrieval.lexical_build import live_segment
from core.retrieval.overlay import Overlay
from core.retrieval.title_terms import TitleTerms, build_title_terms, joined, stacked, term_number
from core.text.synonyms import Forms, Synonyms
from core.text.terms import taken_apart, terms, terms_of_normalized

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

ENOUGH = 100  # products that hold every part: some pages of them, and no other is needed
HOLDS_ALL = 1 - 1e-5  # coverage above which a product holds every part
COVERAGE_FLOOR = 0.5  # otherwise a product is a result that holds this share of the idf that the best one holds
SIMILARITY_FLOOR = 0.36  # and so is one whose title is this near in meaning, by the encoder's own vectors,
NEAR_THE_NEAREST = (0.5, 0.8)  # and not less than this share as near as the nearest: where none holds all, or `ENOUGH`
NEAREST = 200  # in meaning, at most
_FEW = 20  # nearest ones where nothing is near enough
_UNRELATED = 0.33  # below this cosine a title has nothing to do with a query
_BEGINNING = 4  # characters of a model number that stand for the whole
_COMPLETIONS = 20
_COMPLETED_WEIGHT = 0.8  # of the BM25 of a model number that was typed in part, or of words typed without a space
_SYNONYM_WEIGHT = 0.8  # of the BM25 of a term that stands for the typed one
_JOINED_SHARE = 2  # times as many products may hold both words as hold the one that they make
_APART_WEIGHT = 0.8  # of the BM25 of that word, for products that hold both
_SHORTEST_PART = 3  # letters of a word that was typed in two


@dataclass(frozen=True, slots=True)
class Matches:
    """The result set: R `rows`, ascending, with BM25 `(R,)`, coverage `(R,)` in [0, 1]; and what is near in meaning."""

    rows: IntArray
    lexical: FloatArray
    coverage: FloatArray
    near: IntArray  # those of `rows` that are near in meaning
    holding_all: int  # products that hold every part


@dataclass(frozen=True)
class ProductIndex:
    """P rows: `ids`, inverted index, vectors, the titles' terms, columns and pseudo-categories (−1: not known).

    Products that changed since the version was published stand behind its own rows (`overlay`).
    """

    ids: Sequence[str]
    lexical: LexicalIndex
    dense: DenseIndex
    titles: TitleTerms
    columns: ProductColumns
    categories: IntArray
    adapter: Adapter | None = None
    synonyms: Synonyms = field(default_factory=Synonyms)
    overlay: Overlay = field(default_factory=Overlay)
    live_titles: TitleTerms = field(default_factory=lambda: build_title_terms([], {}))
    published: "ProductIndex | None" = None  # what the overlay lies on; None: this one

    def row_of(self, product_id: str) -> int | None:
        """The row of a product; None for one that is not there (any more)."""
        if self.published is None:
            return self._rows.get(product_id)
        place = self.overlay.places.get(product_id)
        if place is not None:
            return len(self.published.ids) + place
        return None if product_id in self.overlay.gone else self.published.row_of(product_id)

    @property
    def served_rows(self) -> IntArray:
        """All rows but those of products that were replaced or deleted."""
        alive = self.lexical.alive
        return (np.arange(len(self.ids)) if alive is None else np.flatnonzero(alive)).astype(np.int32)

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {product_id: row for row, product_id in enumerate(self.ids)}

    def asked(self, query_terms: Sequence[str]) -> tuple[Asked, ...]:
        """The parts of a query: its terms with their synonyms, and the model numbers that begin like a part of one.

        Two terms that products write as one word too (`dish washer`) are one part, held either way.
        """
        parts: list[Asked] = []
        listed = self.synonyms.expand(list(dict.fromkeys(query_terms)))
        at = 0
        while at < len(listed):
            joined = self._joined(*listed[at : at + 2]) if at + 1 < len(listed) else None
            if joined is not None:
                parts.append(joined)
                at += 2
                continue
            parts.append(self._completed(listed[at]))
            at += 1
        if any(self.lexical.holds_any(part) for part in parts):
            return tuple(parts)
        return tuple(self._taken_apart(part) for part in parts)  # the last resort: beside known words it does harm

    def count_matching(self, query_terms: Sequence[str]) -> int:
        """How many products hold all `query_terms`, be it as synonyms."""
        return len(self.matching_all(query_terms))

    def share_naming(self, own: Sequence[str], neighbour: Sequence[str]) -> float:
        """Of the products that hold `neighbour`, the share whose titles hold all these terms, literally: several of
        `own` in a row, a single one beside one of `neighbour`."""
        if not own or not neighbour:
            return 0.0
        titles = self.title_terms(self.lexical.matching_all(plain((*own, *neighbour)))).terms
        first, second = ([np.int32(term_number(term)) for term in some] for some in (own, neighbour))
        if len(first) == 1:
            one, others = titles == first[0], np.isin(titles, second)
            found = ((one[:, :-1] & others[:, 1:]) | (others[:, :-1] & one[:, 1:])).any(1)
        else:
            places = titles.shape[1] - len(first) + 1
            row = [titles[:, at : at + places] == number for at, number in enumerate(first)]
            found = np.logical_and.reduce(row).any(1)
        for number in second:
            found &= (titles == number).any(1)
        return float(np.count_nonzero(found)) / max(min(map(self.lexical.document_frequency, neighbour)), 1)

    def matching_all(self, query_terms: Sequence[str]) -> IntArray:
        """The rows of these products, ascending."""
        return self.lexical.matching_all(self.asked(query_terms))

    def best_holding_all(self, query_terms: Sequence[str], limit: int) -> tuple[str, ...]:
        """Ids of the best products by BM25 that hold all `query_terms`; needs no vector."""
        asked = self.asked(query_terms)
        rows = self.lexical.matching_all(asked)
        scores = self.lexical.score(asked)[0][rows]
        return tuple(self.ids[int(rows[at])] for at in np.lexsort((rows, -scores))[:limit])

    def query_vector(self, vector: FloatArray, query_terms: Sequence[str]) -> FloatArray:
        """The encoder's unit `vector` `(D,)` of a query in the space of `dense`."""
        return vector if self.adapter is None else self.adapter.query(vector, query_terms)

    def match(self, asked: Sequence[Asked], vector: FloatArray) -> Matches:
        """The result set of a query in parts, with its unit vector in the space of `dense`."""
        scores, coverage = self.lexical.score(asked)
        near, cosines = self.dense.nearest(vector, NEAREST)
        if self.lexical.alive is not None:
            alive = self.lexical.alive[near]
            near, cosines = near[alive], cosines[alive]
        floor = SIMILARITY_FLOOR if self.adapter is None else self.adapter.floor
        nearest, cosines = near[np.argsort(-cosines)], np.sort(cosines)[::-1]
        holding = coverage > HOLDS_ALL
        holding_all = int(np.count_nonzero(holding))
        share = float(np.interp(holding_all, (0, ENOUGH), NEAR_THE_NEAREST))
        nearness = max(floor, share * float(cosines.max(initial=0)))
        near = nearest[: int(np.count_nonzero(cosines >= nearness))]
        chosen = holding
        if holding_all < ENOUGH:  # what no product holds says nothing of any: so the best one is the measure
            chosen = coverage >= max(COVERAGE_FLOOR * float(coverage.max(initial=0)), 1e-6)
        chosen[near] = True
        rows = np.flatnonzero(chosen).astype(np.int32)
        if not len(rows):  # nothing is near enough: the nearest there are, if they have anything to do with it
            related = int(np.count_nonzero(cosines >= _UNRELATED / SIMILARITY_FLOOR * floor))
            near = nearest[: min(related, _FEW)]
            rows = np.union1d(_largest(scores, _FEW), near).astype(np.int32)
        return Matches(rows, scores[rows], coverage[rows], np.sort(near), holding_all)

    def title_terms(self, rows: IntArray) -> TitleTerms:
        """Of `rows`, in their order."""
        return joined(self.titles, self.live_titles, rows)

    def changed(
        self, changes: Mapping[str, Product | None], vectors: Mapping[str, FloatArray] | None = None
    ) -> "ProductIndex":
        """A new index in which these products are added, replaced (whole) or, with None, removed.

        `vectors`: unit vectors `(D,)` by product id, of the encoder, for products changed now or before. One whose
        title stays keeps what it has; without a vector a product is found lexically only.
        """
        base = self.published or self
        codes = {}
        for product_id, vector in (vectors or {}).items():
            title = self._title(product_id, changes)
            if title is not None:
                codes[product_id] = base._code(vector, terms(title))
        for product_id, product in changes.items():
            row = base.row_of(product_id)
            if product is not None and row is not None and product_id not in codes and base._is_titled(row, product):
                codes[product_id] = base.dense.codes[row]
        return _with_overlay(base, self.overlay.changed(changes, codes, base.lexical))

    def _title(self, product_id: str, changes: Mapping[str, Product | None]) -> str | None:
        product = changes.get(product_id)
        if product is None and product_id not in changes and product_id in self.overlay.live:
            product = self.overlay.live[product_id].product
        return product.title if product else None

    def _code(self, vector: FloatArray, title: Sequence[str]) -> CodeArray:
        adapted = vector if self.adapter is None else self.adapter.title(vector, title)
        code: CodeArray = self.dense.encoded(adapted[None])[0]
        return code

    def _is_titled(self, row: int, product: Product) -> bool:
        """Whether the title of `product` has the terms that this row's has."""
        return bool(np.array_equal(build_title_terms([product.title], {}).terms[0], self.titles.terms[row]))

    def _joined(self, forms: Forms, following: Forms) -> Asked | None:
        """Two parts of one term each as the one word that they make, where enough products hold that."""
        if any(len(one) > 1 or len(one[0]) > 1 for one in (forms, following)):
            return None
        first, second = forms[0][0], following[0][0]
        if min(len(first), len(second)) < _SHORTEST_PART or not (first + second).isalpha():
            return None
        joined = terms_of_normalized(first + second)
        if len(joined) != 1 or joined[0] == first:  # what is left of `carpenter ant` without its ending
            return None
        count = self.lexical.document_frequency(joined[0])
        if _JOINED_SHARE * count < len(self.lexical.matching_all(plain((first, second)))) or not count:
            return None
        # Titles that write the two in a row count as holding the one word; who holds them apart holds something else.
        apart = self.lexical.idf(joined[0]) / (self.lexical.idf(first) + self.lexical.idf(second))
        return Asked(((joined[0],), (first, second)), (1.0, _APART_WEIGHT * min(apart, 1.0)))

    def _completed(self, forms: Forms) -> Asked:
        """A part with its synonyms, or with the model numbers that begin like it."""
        typed = forms[0]
        if len(forms) == 1 and len(typed) == 1 and typed[0] not in self.lexical:
            term = typed[0]
            if len(term) >= _BEGINNING and any(character.isdigit() for character in term):
                completed = self.lexical.completed(term, _COMPLETIONS)
                return Asked((typed, *((one,) for one in completed)), (1.0, *[_COMPLETED_WEIGHT] * len(completed)))
        return Asked(forms, (1.0, *[_SYNONYM_WEIGHT] * (len(forms) - 1)))

    def _taken_apart(self, part: Asked) -> Asked:
        """A part that no product holds with what was typed without a space, if that is known: `4mil`."""
        for apart in taken_apart(part.terms[0]) if len(part.terms) == 1 else ():
            if all(term in self.lexical for term in apart):
                return Asked((part.terms, apart), (1.0, _COMPLETED_WEIGHT))
        return part


def _with_overlay(base: ProductIndex, overlay: Overlay) -> ProductIndex:
    """`base` with the rows of `overlay` behind its own."""
    live = [one.product for one in overlay.live.values()]
    alive = np.ones(len(base.ids) + len(live), np.bool_)
    alive[[row for row in map(base.row_of, overlay.gone) if row is not None]] = False
    segment = live_segment([one.weighted for one in overlay.live.values()], base.lexical)
    lexical = replace(base.lexical, live=segment, alive=alive)
    codes = np.zeros((len(live), base.dense.dimensions), np.int8)
    for at, one in enumerate(overlay.live.values()):
        if one.code is not None:
            codes[at] = one.code
    return replace(
        base,
        ids=_Joined(base.ids, list(overlay.live)),
        lexical=lexical,
        dense=base.dense.with_live(codes),
        columns=base.columns.with_products(live),
        categories=np.concatenate([base.categories, np.full(len(live), -1, np.int32)]),
        overlay=overlay,
        live_titles=stacked([one.title for one in overlay.live.values()]),
        published=base,
    )


@dataclass(frozen=True, slots=True)
class _Joined(Sequence[str]):
    """Two sequences as one, without copying the first."""

    first: Sequence[str]
    second: Sequence[str]

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return self.first[index] if 0 <= index < len(self.first) else self.second[index - len(self.first)]


def _largest(values: FloatArray, count: int) -> npt.NDArray[np.intp]:
    """Positions of the `count` largest positive values, in no order."""
    best = largest(values, count)
    return best[values[best] > 0]
