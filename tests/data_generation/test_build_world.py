"""A world out of a catalogue so small that every number of it can be checked by hand."""

from itertools import pairwise

import pytest

from core.domain import Product
from data_generation.build_world import world_of_catalog
from data_generation.calibration import load_calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.personas import load_behaviors, load_personas
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


def garden_shop(*titles: str) -> list[Product]:
    return [Product(str(number), title) for number, title in enumerate(titles)]


def offered(title: str, *others: str) -> set[str]:
    products = garden_shop(title, *others)
    return set(dict(TitleQueries(products).offers(products[0])))


def test_tags_sizes_and_monsters_are_not_typed() -> None:
    assert offered("<b>Sale</b> Garden Hose 15 m") == {"garden hose", "sale garden hose"}
    assert offered("Watering Can 9 l &amp; Rose") >= {"watering can"}
    assert not any("9" in text or text.endswith(" l") for text in offered("Watering Can 9 l"))
    assert offered("X" * 300) == offered("NULL") == offered("N/A") == set()
    assert all(len(text) <= 60 for text in offered(" ".join(["wheelbarrow"] * 12)))


def test_titles_of_one_word_are_asked_for_by_it() -> None:
    for titles in (("Refrigerator",), ("Monopoly", "Scrabble", "Catan"), ("不锈钢保温杯", "夏季连衣裙")):
        assert [offered(title, *titles) for title in titles] == [{title.lower()} for title in titles]
    assert offered("Donaudampfschifffahrtsgesellschaftskapitän Mütze")
    assert "6 mm hose blue pipe" in offered("5 < 6 mm Hose > Blue Pipe")  # no tag


def test_what_opens_several_titles_and_stands_nowhere_else_is_a_maker() -> None:
    others = ("Acme Leaf Rake", "Acme Border Fork", "New Border Spade")
    assert "acme" in offered("Acme Garden Hose", *others)
    assert not {"new", "new spade"} & offered("New Border Spade", *others)
    assert "steel" not in offered("Steel Rake", "Steel Fork", "Steel Hoe", "Long Steel Rake", "Small Steel Hoe")


def test_what_has_no_category_is_one_department_among_the_others() -> None:
    products = [Product(f"h{n}", f"Hose {n} Deluxe Garden Hose", category="Hoses") for n in range(9)]
    products += [Product(f"{noun}{n}", f"Fine {noun}") for noun in ("Rake", "Fork", "Spade", "Hoe") for n in range(4)]
    products += [Product(f"p{n}", "Flower Pot", category="Pots") for n in range(16)]
    world = world_of_catalog(products, 1, load_calibration(), lambda _share, _note: None)
    assert world.departments == ["Hoses", "Pots", "other"]
    weights = [world.kind_weight[a:b].sum() for a, b in pairwise(world.department_start.tolist())]
    assert weights == pytest.approx([3, 4, 4])  # the roots of 9, 16 and 16 products
    assert len(world.kinds) == 6


def test_food_of_any_shop_gets_used_up() -> None:
    products = [Product(str(n), "Dry Dog Food", category="Dog Food & Treats") for n in range(3)]
    products += [Product(f"b{n}", "Dog Bed", category="Beds") for n in range(3)]
    world = world_of_catalog(products, 1, load_calibration(), lambda _share, _note: None)
    assert [name for name, days in zip(world.kinds, world.period_days, strict=True) if days > 0] == [
        "Dog Food & Treats"
    ]


def test_strangers_to_every_persona_are_wanted_by_their_size() -> None:
    products = [Product(f"a{n}", "Blue Widget", category="Widgets") for n in range(900)]
    products += [Product(f"{n}", "Odd Gadget", category=f"Gadgets {n}") for n in range(20)]
    world = world_of_catalog(products, 1, load_calibration(), lambda _share, _note: None)
    cast = Cast(world, load_personas(), load_behaviors(), load_calibration(), Window(0.0, 7 * DAY), 1)
    assert cast.early[:, world.departments.index("Widgets")].mean() > 0.5  # 60 % of all weight
