"""Worlds small enough to be checked by hand: what products are asked for, what a query shows, what a list completes."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.domain import Product
from data_generation.build_world import world_of_catalog, world_of_shop
from data_generation.calibration import load_calibration
from data_generation.catalog import make_products
from data_generation.tables import load_types
from data_generation.title_queries import TitleQueries
from data_generation.world import COMPLETIONS, LONGEST_PREFIX, SHOWN, World, load_world

MAY = datetime(2026, 5, 1, tzinfo=UTC)
LAMPS = (
    Product("x", "Acme Desk Lamp", brand="Acme", category="Lamps", price=40.0, rating_count=0, created_at=MAY),
    Product("y", "Bolt Brass Desk Lamp", brand="Bolt", category="Lamps", price=10.0, rating_count=90_000),
    Product("z", "Bolt Garden Rake", brand="Bolt", category="Garden", rating_count=0),
)


def world_of(products: Sequence[Product], seed: int = 1) -> World:
    return world_of_catalog(products, seed, load_calibration(), lambda _share, _note: None)


@pytest.fixture(scope="module")
def lamps() -> World:
    return world_of(LAMPS)


@pytest.fixture(scope="module")
def shop() -> World:
    return world_of_shop(
        make_products(load_types(), 500, 3), {"Desk Lamp": ["a Light to Read by"]}, 3, load_calibration()
    )


def offered(world: World, product_id: str) -> dict[str, float]:
    number = list(world.product_ids).index(product_id)
    span = slice(world.offer_start[number], world.offer_start[number + 1])
    texts = [world.queries[query] for query in world.offer_query[span]]
    return dict(zip(texts, world.offer_weight[span].tolist(), strict=True))


def shown(world: World, query: str) -> list[str]:
    page = world.results[list(world.queries).index(query)]
    return [world.product_ids[number] for number in page if number >= 0]


def test_products_are_sorted_by_department_kind_and_id(lamps: World) -> None:
    assert list(lamps.product_ids) == ["z", "x", "y"]
    assert list(lamps.departments) == list(lamps.kinds) == ["Garden", "Lamps"]
    assert lamps.kind.tolist() == [0, 1, 1]
    assert [lamps.brands[number] for number in lamps.brand] == ["Bolt", "Acme", "Bolt"]
    assert lamps.kind_start.tolist() == [0, 1, 3] and lamps.department_start.tolist() == [0, 1, 2]
    assert lamps.kind_weight == pytest.approx([1, 2**0.5])


def test_a_product_is_asked_for_by_brand_and_noun(lamps: World) -> None:
    assert offered(lamps, "x").keys() == {"desk lamp", "acme desk lamp", "acme lamp", "acme"}
    assert {"desk lamp", "brass desk lamp", "bolt desk lamp", "bolt lamp", "bolt"} <= offered(lamps, "y").keys()
    assert {"garden rake", "bolt rake", "bolt garden rake"} <= offered(lamps, "z").keys()
    assert all(weight > 0 for product in LAMPS for weight in offered(lamps, product.product_id).values())


def test_a_query_shows_the_products_that_offer_it_the_popular_ones_first(lamps: World) -> None:
    assert shown(lamps, "desk lamp") == ["y", "x"]
    assert shown(lamps, "bolt") == ["y", "z"]
    assert shown(lamps, "acme desk lamp") == ["x"]


def test_prices_are_places_within_a_kind(lamps: World) -> None:
    assert lamps.price.tolist() == [0.5, 1.0, 0.0]  # the rake's is not known
    tied = world_of([Product(str(n), "Desk Lamp", category="Lamps", price=price) for n, price in enumerate((5, 5, 9))])
    assert tied.price.tolist() == [0.25, 0.25, 1.0]


def test_products_without_a_day_were_always_there(lamps: World) -> None:
    assert lamps.arrived.tolist() == [0.0, MAY.timestamp(), 0.0]


def test_the_same_catalogue_gives_the_same_world_in_any_order(lamps: World) -> None:
    again, backwards = world_of(LAMPS), world_of(LAMPS[::-1])
    for field in fields(World):
        assert np.array_equal(getattr(again, field.name), getattr(lamps, field.name)), field.name
    assert list(backwards.product_ids) == list(lamps.product_ids)
    assert set(backwards.queries) == set(lamps.queries)


@pytest.mark.parametrize("titles", [(), ("",), ("12 4", "7 x 9"), ("…", "!!")])
def test_a_catalogue_that_says_nothing_is_refused(titles: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="could be searched for"):
        world_of([Product(str(number), title) for number, title in enumerate(titles)])


def test_products_that_say_nothing_are_left_out() -> None:
    assert list(world_of([*LAMPS, Product("w", "12 4")]).product_ids) == ["z", "x", "y"]


def test_a_catalogue_without_brands_and_categories_has_kinds_by_its_nouns() -> None:
    titles = ("Acme Desk Lamp", "Acme Clip Desk Lamp", "Acme Brass Desk Lamp", "Garden Rake")
    world = world_of([Product(str(number), title) for number, title in enumerate(titles)])
    assert set(world.kinds) == {"desk lamp", "other"}
    assert "acme" in world.brands and "acme desk lamp" in world.queries


def test_a_phrase_that_more_titles_share_weighs_more() -> None:
    titles = ["Steel Garden Rake", *(f"{name} Desk Lamp" for name in ("Acme", "Bolt", "Corum", "Dyna", "Eon"))]
    products = [Product(str(number), title, brand="Acme") for number, title in enumerate(titles)]
    queries = TitleQueries(products)
    assert dict(queries.offers(products[1]))["desk lamp"] > dict(queries.offers(products[0]))["garden rake"]
    assert queries.kind(products[1]) == "desk lamp" and queries.kind(products[0]) == "other"
    assert queries.offers(Product("n", "12")) == []


def test_an_update_says_how_far_it_is() -> None:
    said: list[tuple[float, str]] = []
    world_of_catalog(LAMPS, 1, load_calibration(), lambda share, note: said.append((share, note)))
    assert said == [(0.0, "0 of 3 products")]


def test_pages_are_full_ordered_and_of_those_who_offer_the_query(shop: World) -> None:
    product = np.repeat(np.arange(len(shop.product_ids)), np.diff(shop.offer_start))
    assert shop.results.shape == (len(shop.queries), SHOWN)
    for query in range(0, len(shop.queries), 97):
        of_query = product[shop.offer_query == query]
        page = [number for number in shop.results[query].tolist() if number >= 0]
        assert len(page) == min(SHOWN, len(of_query)) > 0
        assert set(page) <= set(of_query.tolist()) and len(set(page)) == len(page)
        assert page == sorted(page, key=lambda number: -shop.popularity[number])
        assert (shop.results[query][len(page) :] == -1).all()


def test_completions_are_ranked_by_how_often_they_are_typed(shop: World) -> None:
    product = np.repeat(np.arange(len(shop.product_ids)), np.diff(shop.offer_start))
    typed = np.bincount(shop.offer_query, shop.offer_weight * shop.popularity[product], len(shop.queries))
    for prefix in ("d", "desk", "running s", "wi"):
        begin = [at for at, text in enumerate(shop.queries) if text.startswith(prefix) and text != prefix]
        best = sorted(begin, key=lambda at: (-typed[at], at))
        ranks = {at: rank for rank, at in enumerate(best[:COMPLETIONS], 1)}
        assert begin
        assert all(shop.completion_rank[at, len(prefix) - 1] == ranks.get(at, 0) for at in begin)
    short = shop.query_chars < LONGEST_PREFIX
    assert (shop.completion_rank[np.flatnonzero(short), shop.query_chars[short] - 1] == 0).all()


def test_words_are_masks_so_that_a_narrower_query_of_a_product_holds_those_of_a_broader_one(shop: World) -> None:
    for number in range(0, len(shop.product_ids), 50):
        span = range(shop.offer_start[number], shop.offer_start[number + 1])
        words = [set(shop.queries[int(shop.offer_query[at])].split()) for at in span]
        if len(set().union(*words)) > 63:
            continue
        masks = [int(shop.offer_words[at]) for at in span]
        for one, mask in zip(words, masks, strict=True):
            assert [mask & more == mask for more in masks] == [one <= other for other in words]


def test_a_provider_s_phrases_find_the_kind_they_were_written_for(shop: World) -> None:
    assert "Desk Lamp" in shop.kinds
    numbers = [list(shop.product_ids).index(one) for one in shown(shop, "a light to read by")]
    assert numbers and {shop.kinds[kind] for kind in shop.kind[numbers]} == {"Desk Lamp"}


def test_groceries_are_used_up_and_vacuums_last(shop: World) -> None:
    department = np.repeat(np.arange(len(shop.departments)), np.diff(shop.department_start))
    used_up = [
        shop.departments[place] for place, days in zip(department.tolist(), shop.period_days, strict=True) if days > 0
    ]
    assert set(used_up) == {
        "Baby",
        "Beauty & Personal Care",
        "Grocery & Gourmet",
        "Health & Household",
        "Pet Supplies",
    }
    assert all(days == 0 for name, days in zip(shop.kinds, shop.period_days, strict=True) if "vacuum" in name.lower())


def test_a_world_of_a_foreign_script_comes_back_from_disk(tmp_path: Path) -> None:
    world = world_of([Product("ä", "Größe Lampe", brand="Müller"), Product("b", "Лампа настольная")])
    world.save(tmp_path / "deep" / "world")
    again = load_world(tmp_path / "deep" / "world")
    for field in fields(World):
        one, other = getattr(world, field.name), getattr(again, field.name)
        assert np.array_equal(one, other), field.name
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)
    with pytest.raises(OSError, match="absent"):
        load_world(tmp_path / "absent")
