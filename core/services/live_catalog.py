"""What one version's product index becomes while products change: found by their words at once, by meaning soon after.

Only a changed title needs the encoder. Until its vector is there, its product is found lexically.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from core.domain import Product
from core.services.current_products import CurrentProducts
from core.services.merchandising import count_with
from core.text.embedding import FloatArray

Embed = Callable[[Sequence[str]], FloatArray]
"""Unit vectors `(N, D)` of titles."""


@dataclass(frozen=True, slots=True)
class Change:
    """A product as it is now (None: there is none), and the number of the change that gave it its title."""

    product: Product | None
    title_seq: int


@dataclass(slots=True)
class LiveCatalog:
    """Changes on top of a published index. For one thread at a time; searches go on beside it.

    `seq` is the number of the newest change that is served; `published_seq` that of the newest one in the version
    itself. `embed` may be called beside everything else.
    """

    current: CurrentProducts  # with the published index, at first
    published_seq: int
    embed: Embed
    seq: int = field(init=False)
    _title_seqs: dict[str, int] = field(default_factory=dict)  # of products changed since, by id
    _without_vector: dict[str, str] = field(default_factory=dict)  # product id → title, the oldest change first

    def __post_init__(self) -> None:
        self.seq = self.published_seq

    @property
    def changed(self) -> int:
        """How many products differ from the version."""
        return len(self._title_seqs)

    @property
    def without_vector(self) -> int:
        """How many titles wait to be embedded."""
        return len(self._without_vector)

    def apply(self, changes: Mapping[str, Change], seq: int) -> None:
        """Serves the products changed up to number `seq`. Those with a new title wait for a vector."""
        for product_id, change in changes.items():
            known = self._title_seqs.get(product_id, self.published_seq)
            if change.product is None:
                self._without_vector.pop(product_id, None)
            elif change.title_seq > known:
                self._without_vector.pop(product_id, None)  # to the end: its turn is that of its newest title
                self._without_vector[product_id] = change.product.title
            self._title_seqs[product_id] = max(change.title_seq, known)
        self._serve({product_id: change.product for product_id, change in changes.items()}, {})
        self.seq = seq

    def count_moved(self, product_id: str | None, field: str | None, value: str | None) -> int:
        """How many products that are served now a rule for this product, or for this value of a field, moves."""
        index = self.current.index
        if index is None:
            return 0
        if field is None or value is None:
            return int(product_id is not None and index.row_of(product_id) is not None)
        return count_with(index.columns, index.served_rows, field, value)

    def titles(self, limit: int) -> dict[str, str]:
        """Product id → title of at most `limit` products that have no vector yet."""
        return dict(islice(self._without_vector.items(), limit))

    def add_vectors(self, titles: Mapping[str, str], vectors: Sequence[FloatArray]) -> None:
        """Serves `vectors` `(D,)` of `titles`, in their order. A title that has changed meanwhile is left out."""
        fresh = {
            product_id: vector
            for (product_id, title), vector in zip(titles.items(), vectors, strict=True)
            if self._without_vector.get(product_id) == title
        }
        if not fresh:
            return
        for product_id in fresh:
            del self._without_vector[product_id]
        self._serve({}, fresh)

    def _serve(self, products: Mapping[str, Product | None], vectors: Mapping[str, FloatArray]) -> None:
        index = self.current.index
        if index is not None:
            self.current.replace(index.changed(products, vectors))
