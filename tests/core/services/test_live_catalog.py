"""Products that change while they are searched: found by their words at once, by meaning when their titles are read."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain import Product, Scope, SuggestQuery
from core.retrieval.storage import load_products, save_products
from core.services.bundle import Bundle
from core.services.current_products import CurrentProducts
from core.services.gathered import Now
from core.services.live_catalog import Change, LiveCatalog
from core.services.suggest import SuggestService
from core.text.embedding import FloatArray
from core.text.normalize import normalize
from core.text.terms import asked_terms, terms

SHOE = Product("1", "Red running shoe", category="Shoes", price=50.0)
LAMP = Product("2", "Red table lamp", category="Lamps", price=20.0)
HAT = Product("3", "Green felt hat", category="Hats")
FELT = np.eye(4, dtype=np.float32)[3]  # what `embed` makes of every title
NOWHERE = np.zeros(4, np.float32)


def embed(titles: Sequence[str]) -> FloatArray:
    return np.stack([FELT for _ in titles])


@pytest.fixture
def catalog(tmp_path: Path) -> LiveCatalog:
    """Two products, published after the seventh change."""
    save_products([SHOE, LAMP], np.eye(4, dtype=np.float32)[:2], tmp_path)
    return LiveCatalog(CurrentProducts(load_products(tmp_path)), 7, embed)


def found(catalog: LiveCatalog, text: str, vector: FloatArray = NOWHERE) -> list[str]:
    index = catalog.current.index
    assert index is not None
    return [index.ids[int(row)] for row in index.match(index.asked(terms(text)), vector).rows]


def embed_all(catalog: LiveCatalog) -> None:
    while titles := catalog.titles(32):
        catalog.add_vectors(titles, list(catalog.embed(list(titles.values()))))


def test_what_a_rule_moves_is_counted_among_the_products_of_now(catalog: LiveCatalog) -> None:
    assert [catalog.count_moved(one, None, None) for one in ("1", "2", "3")] == [1, 1, 0]
    catalog.apply({"3": Change(HAT, 8), "1": Change(None, 9)}, 9)
    assert [catalog.count_moved(one, None, None) for one in ("1", "2", "3")] == [0, 1, 1]
    counted = [catalog.count_moved(None, "category", one) for one in ("shoes", "LAMPS", "Hats", "Hat")]
    assert counted == [0, 1, 1, 0]
    assert catalog.count_moved(None, "attributes.colour", "red") == 0


def test_a_new_product_is_found_by_its_words_and_then_by_meaning(catalog: LiveCatalog) -> None:
    catalog.apply({"3": Change(HAT, 8)}, 8)
    assert found(catalog, "felt hat") == ["3"]
    assert found(catalog, "unicorn", FELT) == []
    assert (catalog.seq, catalog.changed, catalog.without_vector, catalog.titles(5)) == (8, 1, 1, {"3": HAT.title})
    embed_all(catalog)
    assert found(catalog, "unicorn", FELT) == ["3"]
    assert catalog.without_vector == 0


def test_a_price_needs_no_encoder_and_keeps_the_meaning(catalog: LiveCatalog) -> None:
    catalog.apply({"1": Change(replace(SHOE, price=40.0), 3)}, 8)
    index = catalog.current.index
    assert index is not None
    [row] = index.matching_all(terms("running shoe"))
    assert (index.ids[int(row)], float(index.columns.price[row])) == ("1", 40.0)
    assert catalog.titles(5) == {}
    assert found(catalog, "unicorn", np.eye(4, dtype=np.float32)[0]) == ["1"]


def test_a_new_title_is_found_and_the_old_one_is_not(catalog: LiveCatalog) -> None:
    catalog.apply({"1": Change(replace(SHOE, title="Blue boot"), 8)}, 8)
    assert found(catalog, "blue boot") == ["1"]
    assert found(catalog, "running") == []
    embed_all(catalog)
    catalog.apply({"1": Change(replace(SHOE, title="Blue boot", price=1.0), 8)}, 9)  # no word of it is new
    assert catalog.titles(5) == {}
    assert found(catalog, "unicorn", FELT) == ["1"]


def test_a_vector_of_a_title_that_has_changed_again_is_left_out(catalog: LiveCatalog) -> None:
    catalog.apply({"3": Change(HAT, 8)}, 8)
    titles = catalog.titles(5)
    catalog.apply({"3": Change(replace(HAT, title="Oak chair"), 9)}, 9)
    served = catalog.current.number
    catalog.add_vectors(titles, list(embed(list(titles.values()))))
    assert (catalog.current.number, catalog.titles(5)) == (served, {"3": "Oak chair"})


def test_what_is_deleted_is_found_no_more_and_what_comes_back_is(catalog: LiveCatalog) -> None:
    catalog.apply({"1": Change(None, 0), "3": Change(None, 0), "gone": Change(None, 0)}, 10)
    assert found(catalog, "running shoe") == []
    assert found(catalog, "red") == ["2"]
    catalog.apply({"1": Change(SHOE, 11)}, 11)
    assert found(catalog, "running shoe") == ["1"]


def test_whoever_reads_the_index_keeps_it_while_others_get_the_next(catalog: LiveCatalog) -> None:
    before = catalog.current.index
    catalog.apply({"3": Change(HAT, 8)}, 8)
    assert before is not None and before.count_matching(terms("hat")) == 0
    assert catalog.current.index is not before


def test_counts_and_scopes_are_of_the_index_that_is_served(catalog: LiveCatalog) -> None:
    current = catalog.current
    assert (current.count("red"), current.count("hat"), current.number) == (2, 0, 0)
    assert current.scopes("red") == (Scope("Lamps", 1), Scope("Shoes", 1))
    catalog.apply({"2": Change(None, 0), "3": Change(HAT, 9)}, 9)
    assert (current.count("red"), current.count("hat"), current.number) == (1, 1, 1)
    assert (current.scopes("red"), current.best("hat", 5)) == ((), ("3",))


def test_suggestions_count_what_is_there_now(bundle: Bundle) -> None:
    mine = replace(bundle)  # with a catalogue of its own to change
    suggest, query = SuggestService(mine), SuggestQuery("sh")
    gathered = suggest.gather(query, time.perf_counter() + 10)
    first, second = suggest.finish(gathered, query, Now()).suggestions[:2]
    published, spare = mine.products, Product("spare", second.text)
    assert published is not None and second.product_count
    rows = published.matching_all(asked_terms(normalize(first.text)))
    gone: dict[str, Product | None] = {published.ids[int(row)]: None for row in rows}
    mine.current.replace(published.changed(gone | {"spare": spare}, {}))
    after = {one.text: one for one in suggest.finish(gathered, query, Now()).suggestions}
    assert first.text not in after
    assert all(one.product_count == mine.count_products(normalize(text)) for text, one in after.items())
    assert mine.count_products(normalize(second.text)) != bundle.count_products(normalize(second.text))


def test_without_a_catalogue_there_is_nothing_to_count() -> None:
    nothing = CurrentProducts(None)
    assert (nothing.index, nothing.count("red"), nothing.scopes("red"), nothing.best("red", 5)) == (None, None, (), ())
