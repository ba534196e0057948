"""What shoppers would have typed to find these products, and how often: few queries often, most of them rarely."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from data_generation.catalog import ShopProduct, naming_slot, without_article
from data_generation.typos import misspelled

_TYPO_SHARE = 0.04
_HEAD_COUNT = 9_000  # scale of the Zipf curve: the best query is typed about a third of this
_ZIPF_SHIFT = 2.7
_ZIPF_EXPONENT = 0.9
_BEHIND_THE_NOUN = ("pack", "length", "viscosity")  # "protein bars 12 bars", "dog leash 6 ft"
_NO_QUERY = ("ages",)
_VAGUE_WORDS = {
    "set", "kit", "maker", "case", "box", "machine", "containers", "cleaner", "c", "bars", "light", "paper", "card",
    "scale", "tags", "holder",
}  # fmt: skip
# What is asked for by its name, by the slot that names it: patterns and weights. One that speaks of a slot that the
# title does not mention is left out.
_BY_NAME: Mapping[str, tuple[tuple[str, float], ...]] = {
    "franchise": (
        ("{franchise}", 11.0),
        ("{franchise} {sequel}", 6.0),
        ("{franchise} {platform}", 1.5),
        ("{franchise} {sequel} {platform}", 2.0),
        ("{franchise} {style}", 0.5),
        ("{franchise} {sequel} {style}", 0.4),
        ("{franchise} game", 0.8),
        ("{platform}", 0.8),
        ("{platform} games", 1.5),
        ("{platform} {nouns}", 0.3),
        ("{noun}", 0.8),
        ("{nouns}", 1.2),
        ("{nouns} for {use}", 0.2),
        ("{brand}", 0.3),
    ),
    "work": (
        ("{work}", 8.0),
        ("{work} {author}", 2.5),
        ("{author} {work}", 0.6),
        ("{work} book", 1.2),
        ("{work} {format}", 1.0),
        ("{work} volume {volume}", 3.0),
        ("{author}", 4.0),
        ("{author} books", 1.5),
        ("{noun}", 2.0),
        ("{nouns}", 3.0),
        ("{nouns} for {use}", 0.8),
        ("{brand}", 0.2),
    ),
    "console": (
        ("{console}", 6.0),
        ("{console} console", 4.0),
        ("{console} {capacity}", 1.5),
        ("{console} {style}", 1.5),
        ("{console} {capacity} console", 0.7),
        ("{console} {color}", 0.8),
        ("{color} {console} console", 0.3),
        ("{noun}", 4.0),
        ("{nouns}", 2.0),
        ("{noun} with {feature}", 0.4),
        ("{noun} for {use}", 0.6),
        ("{brand}", 1.0),
    ),
}


def make_queries(products: Sequence[ShopProduct], count: int, seed: int) -> list[tuple[str, int]]:
    """`count` distinct queries with the number of times each was completed, most frequent first."""
    rng = random.Random(f"queries {seed}")
    demand: dict[str, float] = {}  # by type: fashions that no table explains
    scores: dict[str, float] = {}
    for product in products:
        wanted = demand.setdefault(product.type.name, rng.lognormvariate(0, 0.5)) * product.popularity
        for text, weight in candidates(rng, product):
            query = typed(text)
            scores[query] = scores.get(query, 0.0) + weight * wanted
    ranked = sorted(scores, key=lambda query: (-scores[query] * rng.lognormvariate(0, 0.35), query))
    right = ranked[: count - int(count * _TYPO_SHARE)]
    counted = {query: _zipf_count(rng, rank) for rank, query in enumerate(right, start=1)}
    counted.update(_typos(rng, right, count - len(right), scores))
    return sorted(counted.items(), key=lambda row: (-row[1], row[0]))


def typed(text: str) -> str:
    """As it is typed into a search box: lower case, without commas, ampersands and apostrophes."""
    plain = text.lower().replace("'", "").replace(",", "").replace("&", "and").replace("+", "")
    return " ".join(plain.split())


def candidates(rng: random.Random, product: ShopProduct) -> Iterator[tuple[str, float]]:
    """Queries that this product answers, with weights; their words are in its title, description or department."""
    kind, brand = product.type, product.brand
    noun, last = kind.name, kind.name.split()[-1]
    spoken = {
        slot: value for slot, value in product.attributes.items() if value in product.title and slot not in _NO_QUERY
    }
    named = naming_slot(kind)
    if named:
        yield from _by_name(product, named, spoken)
        return
    yield noun, 12.0
    yield other_number(noun), 1.2 if noun.endswith("s") else 5.0
    if last.lower() not in _VAGUE_WORDS and last != noun:
        yield last, 1.5
    yield f"{brand} {noun}", 2.5
    yield brand, 0.6
    described = {slot: value for slot, value in spoken.items() if slot != "audience"}
    for slot, value in described.items():
        yield _beside(slot, value, noun), 3.0
        yield _beside(slot, value, other_number(noun)), 0.5
        yield f"{brand} {_beside(slot, value, noun)}", 0.35
        if slot in {"style", "color", "material"} and last.lower() not in _VAGUE_WORDS and last != noun:
            yield f"{value} {last}", 0.8
        if slot == "platform":  # nobody says wireless controller where orbit 3 controller will do
            yield f"{value} {noun.partition(' ')[2]}", 6.0
    pairs = [(a, b) for a in described for b in described if a < b]
    for first, second in rng.sample(pairs, min(2, len(pairs))):
        inner = _beside(second, described[second], noun)
        yield _beside(first, described[first], inner), 0.7
    yield from _for_whom(spoken.get("audience"), product, described)
    if product.series in product.title:
        yield f"{brand} {product.series}", 0.7
        yield f"{brand} {product.series} {noun}", 0.6
    for feature in product.features:
        yield f"{noun} with {without_article(feature)}", 1.0
    yield f"{noun} for {product.use}", 1.2
    style = described.get("style")
    if style:
        yield f"{style} {noun} for {product.use}", 0.25
    if "color" in described:
        yield f"{noun} {described['color']}", 0.3


def _by_name(product: ShopProduct, named: str, spoken: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    noun = product.type.name
    words = {
        **spoken,
        "noun": noun,
        "nouns": other_number(noun),
        "brand": product.brand,
        "use": product.use,
        "feature": without_article(product.features[0]),
    }
    for pattern, weight in _BY_NAME[named]:
        with suppress(KeyError):
            yield pattern.format_map(words), weight


def _for_whom(audience: str | None, product: ShopProduct, described: dict[str, str]) -> Iterator[tuple[str, float]]:
    noun, last = product.type.name, product.type.name.split()[-1]
    if product.type.department == "Gifts & Party" and audience:
        yield f"gift for {audience}", 5.0
        yield f"gifts for {audience}", 4.0
        yield f"{noun} for {audience}", 2.0
        return
    # Fashion says it in the pattern ("Women's ..."), the other departments in a slot.
    whom = audience or next((word for word in ("Women's", "Men's") if word in product.title), None)
    if not whom:
        return
    yield f"{whom} {noun}", 4.0
    yield f"{noun} {whom}", 0.8
    yield f"{noun} for {whom.removesuffix(chr(39) + 's').removesuffix(chr(39))}", 2.5
    if last != noun:
        yield f"{whom} {last}", 1.2
        yield f"{last} for {whom.removesuffix(chr(39) + 's').removesuffix(chr(39))}", 0.8
    for slot, value in described.items():
        yield f"{whom} {_beside(slot, value, noun)}", 0.5
    yield f"{product.brand} {noun} {whom}", 0.3


def _beside(slot: str, value: str, noun: str) -> str:
    if slot == "device":
        return f"{value} {noun}"
    return f"{noun} {value}" if slot in _BEHIND_THE_NOUN or value.startswith("for ") else f"{value} {noun}"


def other_number(noun: str) -> str:
    """The plural of a singular noun phrase, and the other way round."""
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "sses")):
        return noun[:-2]
    if noun.endswith("s") and not noun.endswith(("ss", "us")):
        return noun[:-1]
    if noun.endswith(("ch", "sh", "ss", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("shelf", "knife")):
        return noun.rstrip("fe") + "ves"
    return noun + "s"


def _zipf_count(rng: random.Random, rank: int) -> int:
    return max(1, round(rng.uniform(0.88, 1.12) * _HEAD_COUNT / math.pow(rank + _ZIPF_SHIFT, _ZIPF_EXPONENT)))


def _typos(rng: random.Random, queries: Sequence[str], count: int, known: dict[str, float]) -> dict[str, int]:
    """Misspelt versions of frequent queries, each typed only a few times."""
    made: dict[str, int] = {}
    while len(made) < count:
        # Squaring the uniform draw prefers the head, where most typing happens.
        query = queries[int(len(queries) * rng.random() ** 2)]
        wrong = misspelled(rng, query)
        if wrong not in known and wrong not in made:
            made[wrong] = rng.choices((1, 2, 3, 5), weights=(6, 3, 2, 1))[0]
    return made
