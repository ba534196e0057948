"""Believable products out of the tables: titles, prices, ratings that hang together."""

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from data_generation.tables import ProductType

# A fixed day, so that the same seed gives the same bytes next year.
LAST_DAY = date(2026, 10, 31)
_DAYS_ON_SALE = 730
_BRANDS_PER_TYPE = 6
_PRICED_SLOTS = ("size", "capacity", "pack", "power", "weight", "memory", "depth", "format")
NAMING_SLOTS = ("franchise", "work", "console")
"""Slots that stand for the thing itself: each value has one maker and one author, and is asked for by its name."""
_ACRONYMS = {
    "usb": "USB", "led": "LED", "hdmi": "HDMI", "rfid": "RFID", "hepa": "HEPA", "gps": "GPS", "tsa": "TSA", "tv": "TV",
    "uv": "UV", "uv400": "UV400", "wifi": "WiFi", "rgb": "RGB", "hdr": "HDR", "spf": "SPF", "pc": "PC", "rv": "RV",
    "suv": "SUV", "sd": "SD", "vpn": "VPN", "iphone": "iPhone", "ipad": "iPad", "id": "ID", "rc": "RC", "arc": "ARC",
    "c": "C", "for": "for", "and": "and", "of": "of", "with": "with", "in": "in", "to": "to", "on": "on", "the": "the",
    "g": "g", "x": "x",
}  # fmt: skip
# Of one thing and of several: "this lamp has", "these shoes have".
_OPENINGS = {
    False: (
        "This {noun} from {brand} comes with {one} and {two}.",
        "{brand} built this {noun} around {one}, and added {two}.",
        "With {one} and {two}, this {noun} is easy to like.",
        "A {brand} {noun} that offers {one} as well as {two}.",
        "This {noun} has {one}, and {two} too.",
    ),
    True: (
        "These {noun} from {brand} come with {one} and {two}.",
        "{brand} designed these {noun} with {one}, and added {two}.",
        "With {one} and {two}, these {noun} are easy to like.",
        "{brand} {noun} that offer {one} as well as {two}.",
        "These {noun} have {one}, and {two} too.",
    ),
}
# With a colon, because "for bedroom" and "for running" do not fit one sentence.
_CLOSINGS = (
    "Recommended for: {use}, {other}.",
    "Best for: {use}, {other}.",
    "Customers bought it for: {use}, {other}.",
    "Good for: {use}.",
    "Popular for: {use}. A thoughtful gift, too.",
)
_MOST_POPULAR = 15.0  # times the usual: no single product may decide what a whole shop is asked for


@dataclass(frozen=True, slots=True)
class ShopProduct:
    """A product with what only the shop's owner knows: its type, the words of its title, and its popularity."""

    product_id: str
    title: str
    description: str
    brand: str
    series: str
    type: ProductType
    price: float
    rating: float | None
    rating_count: int
    in_stock: bool
    created_at: datetime
    attributes: Mapping[str, str]
    features: tuple[str, ...]  # those that the title or the description names
    use: str
    popularity: float  # heavy-tailed, around 1


def make_products(
    types: Sequence[ProductType], count: int, seed: int, last_day: date = LAST_DAY, prefix: str = "P"
) -> list[ShopProduct]:
    """`count` products with distinct titles, spread over the types by their weight; the newest came on `last_day`.

    `prefix` begins their ids.
    """
    newest = datetime.combine(last_day, time(), UTC)
    rng = random.Random(f"products {seed}")
    brands = {kind.name: rng.sample(kind.brands, min(_BRANDS_PER_TYPE, len(kind.brands))) for kind in types}
    standing = {brand: rng.random() for kind in types for brand in kind.brands}
    fame = {
        name: rng.lognormvariate(-0.6, 1.1) for kind in types for name in kind.slots.get(naming_slot(kind) or "", ())
    }
    # Wanted types have more products, but a small shop still has every type.
    shares = [math.sqrt(kind.weight) * rng.uniform(0.7, 1.3) for kind in types]
    kinds = [kind for kind in types for _ in range(count // (2 * len(types)))]
    kinds += rng.choices(types, weights=shares, k=count - len(kinds))
    rng.shuffle(kinds)
    titles: dict[str, None] = {}
    made = []
    for number, kind in enumerate(kinds):
        product = _product(rng, f"{prefix}{100_001 + number}", kind, brands[kind.name], standing, fame, newest)
        for _ in range(20):
            if product.title not in titles:
                break
            product = _product(rng, product.product_id, kind, brands[kind.name], standing, fame, newest)
        titles[product.title] = None
        made.append(product)
    return made


def _product(
    rng: random.Random,
    product_id: str,
    kind: ProductType,
    brands: Sequence[str],
    standing: Mapping[str, float],
    fame: Mapping[str, float],
    newest: datetime,
) -> ShopProduct:
    brand, series = rng.choice(brands), rng.choice(kind.series)
    attributes = {slot: rng.choice(values) for slot, values in kind.slots.items()}
    pattern = rng.choice(kind.titles)
    named = naming_slot(kind)
    if named:
        brand, attributes = _of_one_maker(kind, named, attributes, pattern)
    title = pattern.format(brand=brand, series=series, name=kind.name, **attributes)
    features = tuple(rng.sample(kind.features, 2))
    use = rng.choice(kind.uses)
    if not named:  # a game or a book is called what it is called
        title = _said_more(rng, title, features[0], use)
    title = re.sub(r"\b(\w+) \1\b", r"\1", title)  # "Leather Leather Belt" where material and name agree
    known = fame[attributes[named]] if named else 1.0
    popularity = min(known * rng.paretovariate(1.4), _MOST_POPULAR) * kind.weight
    rating, rating_count = _rating(rng, standing[brand], popularity)
    return ShopProduct(
        product_id=product_id,
        title=title,
        description=_description(rng, kind, brand, features, use),
        brand=brand,
        series=series,
        type=kind,
        price=_price(rng, kind, attributes, standing[brand]),
        rating=rating,
        rating_count=rating_count,
        in_stock=rng.random() < 0.94,
        created_at=newest - timedelta(minutes=rng.randrange(_DAYS_ON_SALE * 24 * 60)),
        attributes=attributes,
        features=features,
        use=use,
        popularity=popularity,
    )


def naming_slot(kind: ProductType) -> str | None:
    """The slot that stands for the thing itself, for a game, a book, a console."""
    return next((slot for slot in NAMING_SLOTS if slot in kind.slots), None)


def _of_one_maker(
    kind: ProductType, named: str, attributes: Mapping[str, str], pattern: str
) -> tuple[str, dict[str, str]]:
    """The brand, and the attributes that are true: a game without a number in its title is no sequel."""
    place = kind.slots[named].index(attributes[named])
    kept = {slot: value for slot, value in attributes.items() if "{" + slot + "}" in pattern}
    if "author" in kind.slots:
        kept["author"] = kind.slots["author"][place % len(kind.slots["author"])]
    return kind.brands[place % len(kind.brands)], kept


def _said_more(rng: random.Random, title: str, feature: str, use: str) -> str:
    if " with " not in title and rng.random() < 0.3:
        return _inserted(title, f" with {title_case(without_article(feature))}")
    if " for " not in title and rng.random() < 0.2:
        return _inserted(title, f" for {title_case(use)}")
    return title


def _inserted(title: str, phrase: str) -> str:
    """The phrase goes before the colour and size that end many titles."""
    return re.sub(r"^(.*?)((?:,| - | \().*)?$", lambda found: found.group(1) + phrase + (found.group(2) or ""), title)


def _description(rng: random.Random, kind: ProductType, brand: str, features: tuple[str, ...], use: str) -> str:
    noun = " ".join(word if word.isupper() or word.lower() in _ACRONYMS else word.lower() for word in kind.name.split())
    several = kind.name.endswith("s") and not kind.name.endswith("ss")
    opening = rng.choice(_OPENINGS[several]).format(brand=brand, noun=noun, one=features[0], two=features[1])
    opening = re.sub(r"^A (?=[AEIO])", "An ", opening)
    others = [other for other in kind.uses if other != use] or ["every day"]
    return f"{opening} {rng.choice(_CLOSINGS).format(use=use, other=rng.choice(others))}"


def _price(rng: random.Random, kind: ProductType, attributes: Mapping[str, str], standing: float) -> float:
    """Between the type's bounds: bigger and better known costs more; ends as shops let prices end."""
    places = [
        kind.slots[slot].index(value) / (len(kind.slots[slot]) - 1)
        for slot, value in attributes.items()
        if slot in _PRICED_SLOTS and len(kind.slots[slot]) > 1
    ]
    size = sum(places) / len(places) if places else rng.random()
    level = min(1.0, max(0.0, 0.45 * size + 0.3 * standing + 0.25 * rng.random()))
    low, high = kind.price
    price = low * math.pow(high / low, level)
    if price >= 200:
        return round(price / 10) * 10 - rng.choice([0.01, 0.01, 1.0])
    return max(1, round(price)) - rng.choice([0.01, 0.01, 0.01, 0.05, 0.51])


def _rating(rng: random.Random, standing: float, popularity: float) -> tuple[float | None, int]:
    """Stars and how many gave them: well-liked things sell more, and a few things nobody has rated yet."""
    if rng.random() < 0.05:
        return None, 0
    stars = min(4.9, max(2.4, rng.gauss(4.05 + 0.4 * standing, 0.32)))
    count = int(popularity * rng.lognormvariate(3.6, 1.1) * (stars / 4.2) ** 4) + 1
    return round(stars, 1), count


def title_case(text: str) -> str:
    """`usb charging port` → `USB Charging Port`; little words stay little."""
    return " ".join(_ACRONYMS.get(word, word if word[:1].isupper() else word.capitalize()) for word in text.split())


def without_article(feature: str) -> str:
    """`a lid` → `lid`."""
    return re.sub(r"^(?:a|an|the) ", "", feature)
