"""How Gemini's words become product types, personas and queries; what cannot be used is dropped and counted.

Only words come from there. Prices, weights and all numbers of a persona are those of the offline tables.
"""

import dataclasses
import re
import statistics
import string
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from data_generation.personas import Persona
from data_generation.providers.gemini_schemas import DepartmentWords, Family, PersonaWords, QueryWords
from data_generation.queries import typed
from data_generation.tables import ProductType

_TEXT = re.compile(r"[^\W_][^{}|<>\x00-\x1f\x7f-\x9f]*")
_ATTRIBUTE = re.compile(r"[a-z][a-z_]{0,19}")
_RESERVED = ("brand", "series", "name")
_LONGEST = 40  # characters of a value; the tables' longest has 28
_LONGEST_QUERY = 80
_FEATURES = 2  # a description names two
_ALIKE = 0.6  # of SequenceMatcher; below that two names have nothing to do with each other


def product_types(
    department: str, answer: DepartmentWords, offline: Sequence[ProductType], taken: Collection[str] = ()
) -> tuple[list[ProductType], Counter[str]]:
    """The usable families with the numbers of `offline`, none named as one of `taken` (lower case), and what was
    dropped, by reason. No types where brands or series are missing."""
    dropped: Counter[str] = Counter()
    brands = tuple(_good(answer.brands, "brand", dropped))
    series = tuple(_good(answer.series, "series", dropped))
    types: dict[str, ProductType] = {}
    for family in answer.families if brands and series else ():
        name = " ".join(family.name.split())
        try:
            if name.lower() in taken or name.lower() in types:
                raise ValueError("duplicate name")
            kind = _type(department, name, family, brands, series, offline)
        except ValueError as error:
            dropped[f"family: {error}"] += 1
        else:
            types[name.lower()] = kind
    return list(types.values()), dropped


def persona(
    template: Persona, words: PersonaWords, departments: Collection[str], brands: Collection[str]
) -> tuple[Persona, Counter[str]]:
    """The template with other words: its largest department weight goes to the department named first, and so on."""
    dropped: Counter[str] = Counter()
    wanted = list(_known(words.departments, departments, "department", dropped))
    weights = sorted(template.departments.values(), reverse=True)
    favourites = tuple(_known(words.brands, brands, "brand", dropped))
    patterns = tuple(_patterns(words.vocabulary, dropped))
    new = dataclasses.replace(
        template,
        departments=dict(zip(wanted, weights, strict=False)) or template.departments,
        brands=favourites or with_known_brands(template, brands).brands,
        vocabulary=patterns or template.vocabulary,
    )
    return new, dropped


def with_known_brands(template: Persona, brands: Collection[str]) -> Persona:
    """The template without favourites that the shop does not sell."""
    return dataclasses.replace(template, brands=tuple(brand for brand in template.brands if brand in brands))


def phrases(answer: QueryWords, asked: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], Counter[str]]:
    """Type name → its queries as they are typed, without doubles, and what was dropped, by reason."""
    dropped: Counter[str] = Counter()
    names = {name.lower(): name for name in asked}
    found: dict[str, tuple[str, ...]] = {}
    for row in answer.kinds:
        name = names.get(" ".join(row.kind.lower().split()))
        if name is None or name in found:
            dropped["kind: unknown or named twice"] += 1
            continue
        queries = _good((typed(query) for query in row.queries), "query", dropped, _LONGEST_QUERY)
        if texts := tuple(dict.fromkeys(queries)):
            found[name] = texts
    return found, dropped


def _type(
    department: str,
    name: str,
    family: Family,
    brands: tuple[str, ...],
    series: tuple[str, ...],
    offline: Sequence[ProductType],
) -> ProductType:
    """Raises ValueError with the reason for what cannot be used."""
    slots: dict[str, tuple[str, ...]] = {}
    for slot in family.slots:
        if not _ATTRIBUTE.fullmatch(slot.attribute) or slot.attribute in (*_RESERVED, *slots):
            raise ValueError("invalid value")
        slots[slot.attribute] = _whole(slot.values)
    if not family.titles:
        raise ValueError("empty list")
    for title in family.titles:
        fields = list(_fields(title))
        if set(fields) - {*_RESERVED, *slots}:
            raise ValueError("unknown slot in a title")
        if "brand" not in fields or "name" not in fields:
            raise ValueError("title without a brand or a name")
    price, weight = _numbers(name, offline)
    return ProductType(
        name=_whole([name])[0],
        department=department,
        brands=brands,
        series=series,
        titles=tuple(dict.fromkeys(" ".join(title.split()) for title in family.titles)),
        slots=slots,
        features=_whole((text.strip().removeprefix("with ") for text in family.features), _FEATURES),
        uses=_whole(text.strip().removeprefix("for ") for text in family.uses),
        price=price,
        weight=weight,
    )


def _fields(pattern: str) -> Iterator[str]:
    """The names in braces. Raises ValueError for anything else that `format` would read."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        raise ValueError("invalid value") from None
    for literal, field, form, conversion in parts:
        if form or conversion or "{" in literal or "}" in literal:
            raise ValueError("invalid value")
        if field is not None:
            yield field


def _numbers(name: str, offline: Sequence[ProductType]) -> tuple[tuple[float, float], float]:
    """Price bounds and weight of the type that is nearest in name, or the medians of all where none is near."""
    words = set(name.lower().split())

    def nearness(kind: ProductType) -> tuple[int, float]:
        common = len(words & set(kind.name.lower().split()))
        return common, SequenceMatcher(None, name.lower(), kind.name.lower()).ratio()

    nearest = max(offline, key=nearness)
    common, ratio = nearness(nearest)
    if common or ratio >= _ALIKE:
        return nearest.price, nearest.weight
    low, high = (statistics.median(kind.price[end] for kind in offline) for end in (0, 1))
    return (low, high), statistics.median(kind.weight for kind in offline)


def _whole(values: Iterable[str], least: int = 1) -> tuple[str, ...]:
    """All values, each once. Raises ValueError where one cannot be used or there are too few."""
    texts = tuple(dict.fromkeys(" ".join(value.split()) for value in values))
    if len(texts) < least:
        raise ValueError("empty list")
    if not all(_TEXT.fullmatch(text) and len(text) <= _LONGEST for text in texts):
        raise ValueError("invalid value")
    return texts


def _good(values: Iterable[str], what: str, dropped: Counter[str], longest: int = _LONGEST) -> Iterator[str]:
    """The usable values, each once."""
    for text in dict.fromkeys(" ".join(value.split()) for value in values):
        if _TEXT.fullmatch(text) and len(text) <= longest:
            yield text
        else:
            dropped[f"{what}: invalid value"] += 1


def _known(values: Iterable[str], known: Collection[str], what: str, dropped: Counter[str]) -> Iterator[str]:
    names: Mapping[str, str] = {name.lower(): name for name in known}
    for text in dict.fromkeys(value.strip().lower() for value in values):
        if text in names:
            yield names[text]
        else:
            dropped[f"{what}: not one of the shop's"] += 1


def _patterns(values: Iterable[str], dropped: Counter[str]) -> Iterator[str]:
    for text in dict.fromkeys(" ".join(value.lower().split()) for value in values):
        rest = text.replace("{query}", "", 1)
        if text.count("{query}") == 1 and not set(rest) & set("{}") and 1 < len(rest) <= _LONGEST:
            yield text
        else:
            dropped["pattern: invalid value"] += 1
