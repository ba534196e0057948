"""The made-up shop: like a shop, readable by our own import, and the same every time."""

import csv
import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from core.importing.catalog import products, read_catalog
from core.importing.queries import query_rows, read_queries
from core.text.normalize import normalize
from data_generation.catalog import make_products
from data_generation.queries import candidates, other_number, typed
from data_generation.shop import GeneratedShop, generate_shop
from data_generation.tables import load_types
from data_generation.typos import misspelled


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> GeneratedShop:
    return generate_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def counts(shop: GeneratedShop) -> dict[str, int]:
    with shop.queries.open(encoding="utf-8") as file:
        return {row["query"]: int(row["count"]) for row in csv.DictReader(file)}


def test_the_tables_are_broad_and_whole() -> None:
    types = load_types()
    assert len(types) >= 150
    assert len({kind.department for kind in types}) >= 12
    assert len({kind.name for kind in types}) == len(types)
    for kind in types:
        fields = {"brand": "b", "series": "s", "name": "n", **{slot: values[0] for slot, values in kind.slots.items()}}
        assert all(pattern.format(**fields) for pattern in kind.titles)
        assert len(kind.features) >= 2
        assert all(len(set(values)) == len(values) for values in kind.slots.values())
        assert 0 < kind.price[0] < kind.price[1]


def test_the_catalogue_reads_back_without_a_bad_row(shop: GeneratedShop) -> None:
    frame, report = read_catalog(shop.catalog)
    assert report.rows_read == report.rows_kept >= 8_000
    assert (report.bad_rows, report.unreadable_values, report.duplicates) == ({}, {}, 0)
    assert len(set(frame["title"])) > 0.995 * frame.height
    assert frame["category"].n_unique() >= 12
    assert frame["brand"].n_unique() >= 100
    prices, ratings, counts = [], [], []
    for product in products(frame):
        assert product.price is not None
        assert product.currency == "$"
        assert product.in_stock is not None
        assert product.created_at is not None
        assert product.description is not None
        assert 20 < len(product.description) < 300
        assert 10 < len(product.title) < 130
        assert "{" not in product.title + product.description
        assert 1 <= len(product.attributes) <= 9
        prices.append(product.price)
        if product.rating is not None:
            ratings.append(product.rating)
            counts.append(product.rating_count or 0)
    assert 1 < min(prices) < max(prices) < 2_500
    assert 3.8 < sum(ratings) / len(ratings) < 4.6
    assert sum(price % 1 > 0.9 for price in prices) > 0.6 * len(prices)
    assert 0.9 < frame["in_stock"].mean() < 0.97  # type: ignore[operator]
    assert frame["created_at"].n_unique() > 8_000
    good = [count for rating, count in zip(ratings, counts, strict=True) if rating >= 4.5]
    poor = [count for rating, count in zip(ratings, counts, strict=True) if rating <= 3.7]
    assert sum(good) / len(good) > 1.3 * sum(poor) / len(poor)


def test_attributes_belong_to_their_type(shop: GeneratedShop) -> None:
    types = {kind.name: kind for kind in load_types()}
    for product in products(read_catalog(shop.catalog)[0]):
        kind = types[product.attributes["type"]]
        assert product.category == kind.department
        assert product.price is not None
        assert kind.price[0] * 0.8 - 1 <= product.price <= kind.price[1] * 1.05 + 1
        for slot, value in product.attributes.items():
            assert slot == "type" or value in kind.slots[slot]


def test_the_queries_are_distinct_and_follow_zipf(shop: GeneratedShop, counts: dict[str, int]) -> None:
    frame, report = read_queries(shop.queries)
    assert report.rows_kept == len(counts) >= 30_000
    assert report.bad_rows == {}
    assert all(normalize(row.query) for row in query_rows(frame))
    ordered = sorted(counts.values(), reverse=True)
    head_share = sum(ordered[: len(ordered) // 100]) / sum(ordered)
    assert 0.25 < head_share < 0.6
    assert 500 < ordered[0] < 0.05 * sum(ordered)
    assert 0.3 < sum(count == 1 for count in ordered) / len(ordered) < 0.8


def test_the_queries_are_those_of_shoppers(counts: dict[str, int]) -> None:
    for query in (
        "running shoes",
        "desk lamp with usb charging port",
        "gift for dad",
        "shoes for women",
        "womens sneakers",
    ):
        assert query in counts
    assert counts["running shoes"] > 100
    assert all(query == typed(query) for query in counts)
    lengths = Counter(len(query.split()) for query in counts)
    assert lengths[1] > 100
    assert sum(lengths[words] for words in (2, 3, 4)) > 0.6 * len(counts)


def test_queries_mostly_find_a_product(shop: GeneratedShop, counts: dict[str, int]) -> None:
    documents = [
        {_stem(word) for word in normalize(f"{product.title} {product.description}").split()}
        for product in products(read_catalog(shop.catalog)[0])
    ]
    sample = random.Random(1).sample(sorted(counts), 300)
    wanted = [{_stem(word) for word in normalize(query).split()} - {"for", "with", "and"} for query in sample]
    found = sum(any(words <= document for document in documents) for words in wanted)
    assert found > 0.9 * len(sample)


def test_games_and_books_have_one_maker_and_one_author() -> None:
    made = make_products(load_types(), 6_000, 7)
    assert len({product.title for product in made}) > 0.995 * len(made)
    makers: dict[str, set[tuple[str, str]]] = {}
    for product in made:
        attributes = product.attributes
        name = attributes.get("franchise") or attributes.get("work") or attributes.get("console")
        if name:
            assert name in product.title
            makers.setdefault(name, set()).add((product.brand, attributes.get("author", "")))
            assert attributes.get("sequel", "") in product.title
            assert " with " not in product.title or " with " in name
    assert len(makers) > 300
    assert all(len(of_one) == 1 for of_one in makers.values())


def test_games_and_books_are_asked_for_by_name() -> None:
    rng = random.Random(3)
    asked: dict[str, dict[str, float]] = {"franchise": {}, "work": {}, "console": {}, "platform": {}}
    for product in make_products(load_types(), 6_000, 7):
        attributes = product.attributes
        slot = next((slot for slot in asked if slot in attributes), None)
        if slot is None:
            continue
        weights = {typed(text): weight for text, weight in candidates(rng, product)}
        assert not any("{" in query for query in weights)
        asked[slot].update(weights)
        name = typed(attributes[slot])
        if slot == "platform":  # what is played with: a controller, a headset
            assert f"{name} {typed(product.type.name)}" in weights
            continue
        assert weights[name] == max(weights.values())
        if slot == "franchise":
            assert f"{typed(attributes['platform'])} games" in weights
            assert ("sequel" in attributes) == (f"{name} {attributes.get('sequel')}" in weights)
        if slot == "work" and attributes["author"] in product.title:
            assert {typed(attributes["author"]), f"{name} {typed(attributes['author'])}"} <= weights.keys()
    games, gear = asked["franchise"], asked["platform"]
    assert {"orbit 3", "orbit 3 games", "racing games", "orbit 3 racing games"} <= games.keys()
    assert {"orbit 3 controller", "orbit 3 headset", "orbit 3 gift card"} <= gear.keys()
    assert {"cookbooks", "thriller novels", "graphic novels"} <= asked["work"].keys()
    assert {"orbit 3", "orbit 3 console"} <= asked["console"].keys()


def _stem(word: str) -> str:
    singular = other_number(word) if word.endswith("s") and len(word) > 3 else word
    return singular.removesuffix("e")


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    digests = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        subprocess.run(
            [sys.executable, "-m", "data_generation.shop", "--out", str(folder), "--products=900", "--queries=2500"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
        )
        files = (folder / "catalog.csv", folder / "queries.csv")
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[0] == digests[1]
    other = generate_shop(tmp_path / "other", seed=8, products=900, queries=2_500)
    assert hashlib.sha256(other.catalog.read_bytes()).hexdigest() != digests[0][0]


def test_small_shops_have_what_was_asked_for(tmp_path: Path) -> None:
    small = generate_shop(tmp_path, products=300, queries=1_000)
    assert read_catalog(small.catalog)[1].rows_kept == 300
    assert read_queries(small.queries)[1].rows_kept == 1_000


def test_typing_errors_are_small_and_in_longer_words() -> None:
    rng = random.Random(5)
    for _ in range(200):
        wrong = misspelled(rng, "running shoes")
        assert abs(len(wrong) - len("running shoes")) <= 1
    assert misspelled(rng, "tv 4k") == "tv 4k"


def test_number_of_nouns() -> None:
    pairs = {"Dress": "Dresses", "Watch": "Watches", "Lamp": "Lamps", "Baby": "Babies", "Bookshelf": "Bookshelves"}
    assert {one: other_number(one) for one in pairs} == pairs
    assert [other_number(many) for many in ("Shoes", "Boots", "Watches", "Batteries")] == [
        "Shoe",
        "Boot",
        "Watch",
        "Battery",
    ]
