"""A world out of a catalogue so small that every number of it can be checked by hand."""

import pytest

from core.domain import Product
from data_generation.build_world import world_of_catalog
from data_generation.calibration import load_calibration
from data_generation.title_queries import TitleQueries
from data_generation.world import World


def hose_shop() -> World:
    products = (
        Product("b", "Acme Garden Hose", brand="Acme", category="Garden", price=30.0, rating_count=10_000),
        Product("a", "Bolt Garden Hose", brand="Bolt", category="Garden", price=10.0, rating_count=0),
        Product("c", "Acme Rubber Garden Hose", brand="Acme", category="Garden", price=20.0, rating_count=0),
        Product("d", "Plush Bear", brand="Cuddle", category="Toys"),
    )
    return world_of_catalog(products, 1, load_calibration(), lambda _share, _note: None)


def test_a_small_catalogue_as_a_world_by_hand() -> None:
    world = hose_shop()
    assert world.product_ids == ["a", "b", "c", "d"]
    assert (world.departments, world.kinds) == (["Garden", "Toys"], ["Garden", "Toys"])
    assert world.kind_start.tolist() == [0, 3, 4] and world.department_start.tolist() == [0, 1, 2]
    assert world.price.tolist() == [0.0, 1.0, 0.5, 0.5]
    place = world.queries.index("garden hose")
    assert world.results[place].tolist()[0] == 1  # ten thousand ratings
    assert set(world.results[place].tolist()) == {0, 1, 2, -1}
    assert set(world.results[world.queries.index("rubber garden hose")].tolist()) == {2, -1}
    assert world.query_words[place] == 2 and world.query_chars[place] == 11
    # Both begin with "g": no more than ten queries do, so all are in the list, the commonest first.
    first = sorted(world.completion_rank[at, 0] for at, text in enumerate(world.queries) if text.startswith("g"))
    assert first == list(range(1, len(first) + 1))
    assert world.completion_rank[place, 10] == 0  # nothing is left to complete
    assert (world.period_days == 0).all()
    of_bear = world.offer_query[world.offer_start[3] : world.offer_start[4]]
    assert {world.queries[query] for query in of_bear} >= {"plush bear", "cuddle plush bear", "cuddle"}


def test_titles_are_asked_for_by_what_they_end_with() -> None:
    products = [Product(str(n), f"Acme {kind} Desk Lamp, Black") for n, kind in enumerate(("LED", "Brass", "Clip"))]
    queries = TitleQueries(products)
    assert queries.kind(products[0]) == "desk lamp"
    offers = dict(queries.offers(products[0]))
    assert {"lamp", "desk lamp", "led desk lamp"} <= offers.keys()
    assert offers["desk lamp"] > offers["led desk lamp"] and offers["desk lamp"] > offers["lamp"]
    assert not any("black" in text for text in offers)
    with pytest.raises(ValueError, match="could be searched for"):
        world_of_catalog([Product("1", "12 4")], 1, load_calibration(), lambda _share, _note: None)
